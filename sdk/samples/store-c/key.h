/* The rules of store.h for keys and values.
 *
 * Threads  Pure functions.
 * Example  int32_t code = CheckKey(&op, key); if (code != SHOJI_OK) return code;
 */
#ifndef CSTORE_KEY_H_
#define CSTORE_KEY_H_

#include "op.h"

/* INVALID_ARGUMENT, with the reason, for what is not a key. */
int32_t CheckKey(const Op* op, shoji_str key);
int32_t CheckValue(const Op* op, shoji_str key, shoji_str value);

/* Below, at or above zero, as memcmp(): the byte order scan() promises. */
int CompareKeys(shoji_str a, shoji_str b);
int HasPrefix(shoji_str key, shoji_str prefix);

#endif
