#include "key.h"

#include <string.h>

#include "shoji/plugin/store.h"

/* How many bytes the UTF-8 sequence at `text` has; 0 when it is none. */
static uint64_t SequenceSize(const unsigned char* text, uint64_t left) {
  static const uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (text[0] < 0x80) return 1;
  const uint64_t size = text[0] >= 0xF0 ? 4 : text[0] >= 0xE0 ? 3 : 2;
  if (text[0] < 0xC2 || text[0] > 0xF4 || size > left) return 0;
  uint32_t point = text[0] & (0xFFu >> (size + 1));
  for (uint64_t i = 1; i < size; ++i) {
    if ((text[i] & 0xC0) != 0x80) return 0;
    point = (point << 6) | (text[i] & 0x3Fu);
  }
  const int surrogate = point >= 0xD800 && point <= 0xDFFF;
  return point < kSmallest[size] || point > 0x10FFFF || surrogate ? 0 : size;
}

static int IsText(shoji_str text) {
  for (uint64_t at = 0; at < text.size;) {
    const uint64_t size = SequenceSize((const unsigned char*)text.data + at, text.size - at);
    if (size == 0 || text.data[at] == '\0') return 0;
    at += size;
  }
  return 1;
}

static int ComponentsAreNames(shoji_str key) {
  const char* at = key.data;
  const char* const end = key.data + key.size;
  for (;;) {
    const char* slash = memchr(at, '/', (size_t)(end - at));
    const size_t size = (size_t)((slash == NULL ? end : slash) - at);
    if (size == 0 || (size == 1 && at[0] == '.')) return 0;
    if (size == 2 && memcmp(at, "..", 2) == 0) return 0;
    if (slash == NULL) return 1;
    at = slash + 1;
  }
}

int32_t CheckKey(const Op* op, shoji_str key) {
  if (key.size == 0 || key.size > SHOJI_STORE_KEY_MAX) {
    return Fail(op, SHOJI_INVALID_ARGUMENT, "key of %llu bytes; a key has 1 to %u",
                (unsigned long long)key.size, SHOJI_STORE_KEY_MAX);
  }
  if (!IsText(key)) {
    return Fail(op, SHOJI_INVALID_ARGUMENT, "a key is UTF-8 without NUL; this one is not");
  }
  if (!ComponentsAreNames(key)) {
    return Fail(op, SHOJI_INVALID_ARGUMENT,
                "key '%.*s': no part between slashes may be empty, '.' or '..'", (int)key.size,
                key.data);
  }
  return SHOJI_OK;
}

int32_t CheckValue(const Op* op, shoji_str key, shoji_str value) {
  if (value.size <= SHOJI_STORE_VALUE_MAX) return SHOJI_OK;
  return Fail(op, SHOJI_INVALID_ARGUMENT, "value of key '%.*s' has %llu bytes, at most %u fit",
              (int)key.size, key.data, (unsigned long long)value.size, SHOJI_STORE_VALUE_MAX);
}

int CompareKeys(shoji_str a, shoji_str b) {
  const uint64_t common = a.size < b.size ? a.size : b.size;
  const int order = memcmp(a.data, b.data, (size_t)common);
  if (order != 0) return order;
  return (a.size > b.size) - (a.size < b.size);
}

int HasPrefix(shoji_str key, shoji_str prefix) {
  if (prefix.size == 0) return 1;
  return key.size >= prefix.size && memcmp(key.data, prefix.data, (size_t)prefix.size) == 0;
}
