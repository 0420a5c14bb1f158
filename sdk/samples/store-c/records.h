/* The file that holds the records, and how it changes.
 *
 * Format   "CSTORE1\n", then the records in byte order of their keys, each
 *            uint32 head_crc    of the next three numbers and the key
 *            uint32 value_crc
 *            uint32 key_size, uint32 value_size
 *            key, value
 *          in the byte order of the machine.
 * Changes  Every change writes a new file beside the old one, syncs it and renames it
 *          over the old one. So a reader needs no lock and sees one state, whole, and
 *          so does whoever comes after a crash. Writers queue on a lock file. That costs
 *          one copy of the file for each change: fine for the few hundred small records
 *          of a host, and easy to read in a sample.
 * Threads  Everything here may be called from any thread and any process.
 * Example  Reader reader; Record record; int found;
 *          int32_t code = OpenReader(&op, store, &reader);
 *          while (code == SHOJI_OK && (code = Next(&op, &reader, &record, &found)) ==
 *                 SHOJI_OK && found) ...
 *          CloseReader(&reader);
 */
#ifndef CSTORE_RECORDS_H_
#define CSTORE_RECORDS_H_

#include "op.h"
#include "shoji/plugin/store.h"

/* Constant after open(), so no lock guards it. */
struct shoji_store {
  const shoji_host* host;
  char* path;      /* of the records */
  char* lock_path; /* held by the writer */
  char* new_path;  /* the next state while it is written */
  char* directory; /* of all three */
};

typedef struct RecordHead {
  uint32_t head_crc;
  uint32_t value_crc;
  uint32_t key_size;
  uint32_t value_size;
} RecordHead;

typedef struct Record {
  RecordHead head;
  char key[SHOJI_STORE_KEY_MAX];
  uint64_t value_at; /* offset in the file */
} Record;

typedef struct Reader {
  int fd; /* -1: closed */
  uint64_t at;
  uint64_t size;
  const char* path;
} Reader;

/* DATA_LOSS when the file is something else. */
int32_t OpenReader(const Op* op, const shoji_store* store, Reader* reader);
void CloseReader(Reader* reader);

/* The next record, or *ret_found = 0 at the end. DATA_LOSS for a damaged one. */
int32_t Next(const Op* op, Reader* reader, Record* record, int* ret_found);
/* Goes on to record `key`. */
int32_t Find(const Op* op, Reader* reader, shoji_str key, Record* record, int* ret_found);
/* The record's value, checked; the caller frees *ret_value. */
int32_t ReadValue(const Op* op, const Reader* reader, const Record* record, char** ret_value);

/* Makes an empty file unless there is one. */
int32_t CreateRecords(const Op* op, const shoji_store* store);
/* Stores `value` under `key`; NULL removes it. Durable when it returns. */
int32_t ChangeRecord(const Op* op, const shoji_store* store, shoji_str key, const shoji_str* value);

static inline shoji_str KeyOf(const Record* record) {
  const shoji_str key = {record->key, record->head.key_size};
  return key;
}

/* Of `data` after what gave `crc`; begin with 0. */
uint32_t Crc32(uint32_t crc, const void* data, uint64_t size);
uint32_t HeadCrc(const RecordHead* head, const char* key);

#define CSTORE_MAGIC "CSTORE1\n"
#define CSTORE_MAGIC_SIZE 8u

#endif
