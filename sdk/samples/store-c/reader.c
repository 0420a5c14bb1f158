#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "key.h"
#include "records.h"

uint32_t Crc32(uint32_t crc, const void* data, uint64_t size) {
  static const uint32_t kHalfByte[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC,
                                         0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
                                         0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
                                         0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
  const unsigned char* bytes = data;
  crc = ~crc;
  for (uint64_t i = 0; i < size; ++i) {
    crc = kHalfByte[(crc ^ bytes[i]) & 15u] ^ (crc >> 4);
    crc = kHalfByte[(crc ^ ((uint32_t)bytes[i] >> 4)) & 15u] ^ (crc >> 4);
  }
  return ~crc;
}

uint32_t HeadCrc(const RecordHead* head, const char* key) {
  const uint32_t numbers[3] = {head->value_crc, head->key_size, head->value_size};
  return Crc32(Crc32(0, numbers, sizeof(numbers)), key, head->key_size);
}

static int32_t Damaged(const Op* op, const Reader* reader, uint64_t at) {
  return Fail(op, SHOJI_DATA_LOSS,
              "store file %s: damaged record at byte %llu; restore the file from a copy",
              reader->path, (unsigned long long)at);
}

static int32_t ReadAt(const Op* op, const Reader* reader, void* data, uint64_t size, uint64_t at) {
  if (at + size > reader->size) return Damaged(op, reader, at);
  for (uint64_t done = 0; done < size;) {
    const ssize_t got = pread(reader->fd, (char*)data + done, size - done, (off_t)(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno(op, "store file %s: cannot read", reader->path);
    if (got == 0) return Damaged(op, reader, at + done);
    done += (uint64_t)got;
  }
  return SHOJI_OK;
}

static int32_t CheckFile(const Op* op, Reader* reader) {
  struct stat info;
  if (fstat(reader->fd, &info) != 0) {
    return FailErrno(op, "store file %s: cannot read", reader->path);
  }
  char magic[CSTORE_MAGIC_SIZE] = {0};
  reader->size = (uint64_t)info.st_size;
  reader->at = CSTORE_MAGIC_SIZE;
  if (S_ISREG(info.st_mode) && reader->size >= CSTORE_MAGIC_SIZE) {
    const int32_t code = ReadAt(op, reader, magic, CSTORE_MAGIC_SIZE, 0);
    if (code != SHOJI_OK) return code;
    if (memcmp(magic, CSTORE_MAGIC, CSTORE_MAGIC_SIZE) == 0) return SHOJI_OK;
  }
  return Fail(op, SHOJI_DATA_LOSS,
              "store file %s: there is something else in that place; give option 'path' the name "
              "of a store file or of a new file",
              reader->path);
}

int32_t OpenReader(const Op* op, const shoji_store* store, Reader* reader) {
  reader->path = store->path;
  /* Without O_NONBLOCK a FIFO in this place would hold us for ever. */
  reader->fd = open(store->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (reader->fd < 0) return FailErrno(op, "store file %s: cannot open", store->path);
  const int32_t code = CheckFile(op, reader);
  if (code != SHOJI_OK) CloseReader(reader);
  return code;
}

void CloseReader(Reader* reader) {
  if (reader->fd >= 0) close(reader->fd);
  reader->fd = -1;
}

static int HeadIsSane(const Reader* reader, const RecordHead* head) {
  if (head->key_size == 0 || head->key_size > SHOJI_STORE_KEY_MAX) return 0;
  if (head->value_size > SHOJI_STORE_VALUE_MAX) return 0;
  return reader->size - reader->at >= sizeof(*head) + head->key_size + head->value_size;
}

int32_t Next(const Op* op, Reader* reader, Record* record, int* ret_found) {
  *ret_found = 0;
  if (reader->at == reader->size) return SHOJI_OK;
  int32_t code = MayGoOn(op, 0);
  if (code != SHOJI_OK) return code;
  RecordHead* const head = &record->head;
  code = ReadAt(op, reader, head, sizeof(*head), reader->at);
  if (code != SHOJI_OK) return code;
  if (!HeadIsSane(reader, head)) return Damaged(op, reader, reader->at);
  code = ReadAt(op, reader, record->key, head->key_size, reader->at + sizeof(*head));
  if (code != SHOJI_OK) return code;
  if (HeadCrc(head, record->key) != head->head_crc) return Damaged(op, reader, reader->at);
  record->value_at = reader->at + sizeof(*head) + head->key_size;
  reader->at = record->value_at + head->value_size;
  *ret_found = 1;
  return SHOJI_OK;
}

int32_t Find(const Op* op, Reader* reader, shoji_str key, Record* record, int* ret_found) {
  for (;;) {
    const int32_t code = Next(op, reader, record, ret_found);
    if (code != SHOJI_OK || !*ret_found) return code;
    const int order = CompareKeys(KeyOf(record), key);
    if (order == 0) return SHOJI_OK;
    if (order > 0) {
      *ret_found = 0;
      return SHOJI_OK;
    }
  }
}

int32_t ReadValue(const Op* op, const Reader* reader, const Record* record, char** ret_value) {
  const uint32_t size = record->head.value_size;
  char* const value = malloc(size == 0 ? 1 : size);
  if (value == NULL) {
    return Fail(op, SHOJI_RESOURCE_EXHAUSTED, "no memory for a value of %u bytes", size);
  }
  int32_t code = ReadAt(op, reader, value, size, record->value_at);
  if (code == SHOJI_OK && Crc32(0, value, size) != record->head.value_crc) {
    code = Damaged(op, reader, record->value_at);
  }
  if (code != SHOJI_OK) {
    free(value);
    return code;
  }
  *ret_value = value;
  return SHOJI_OK;
}
