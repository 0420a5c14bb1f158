#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "key.h"
#include "records.h"

enum { kLockWaitMs = 5 };

static int32_t WriteAll(const Op* op, const shoji_store* store, int fd, const void* data,
                        uint64_t size) {
  for (uint64_t done = 0; done < size;) {
    const ssize_t put = write(fd, (const char*)data + done, size - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FailErrno(op, "store file %s: cannot write", store->new_path);
    done += (uint64_t)put;
  }
  return SHOJI_OK;
}

static int32_t PutRecord(const Op* op, const shoji_store* store, int fd, shoji_str key,
                         shoji_str value) {
  RecordHead head = {0, Crc32(0, value.data, value.size), (uint32_t)key.size, (uint32_t)value.size};
  head.head_crc = HeadCrc(&head, key.data);
  int32_t code = WriteAll(op, store, fd, &head, sizeof(head));
  if (code == SHOJI_OK) code = WriteAll(op, store, fd, key.data, key.size);
  if (code == SHOJI_OK) code = WriteAll(op, store, fd, value.data, value.size);
  return code;
}

/* Copies a record that does not change; a damaged value is not passed on. */
static int32_t CopyRecord(const Op* op, const shoji_store* store, int fd, const Reader* reader,
                          const Record* record) {
  char* data = NULL;
  int32_t code = ReadValue(op, reader, record, &data);
  if (code != SHOJI_OK) return code;
  const shoji_str value = {data, record->head.value_size};
  code = PutRecord(op, store, fd, KeyOf(record), value);
  free(data);
  return code;
}

/* Writes all records to `fd`, with `key` set to `value` (NULL: left out). */
static int32_t Merge(const Op* op, const shoji_store* store, int fd, Reader* reader, shoji_str key,
                     const shoji_str* value) {
  int put = value == NULL;
  for (;;) {
    Record record;
    int found;
    int32_t code = Next(op, reader, &record, &found);
    if (code != SHOJI_OK) return code;
    const int order = found ? CompareKeys(KeyOf(&record), key) : 1;
    if (order >= 0 && !put) {
      code = PutRecord(op, store, fd, key, *value);
      put = 1;
    }
    if (code != SHOJI_OK || !found) return code;
    if (order != 0) code = CopyRecord(op, store, fd, reader, &record);
    if (code != SHOJI_OK) return code;
  }
}

static int32_t SyncDirectory(const Op* op, const shoji_store* store) {
  const int fd = open(store->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return FailErrno(op, "directory %s: cannot open", store->directory);
  const int failed = fsync(fd);
  const int32_t code =
      failed != 0 ? FailErrno(op, "directory %s: cannot sync", store->directory) : SHOJI_OK;
  close(fd);
  return code;
}

/* Makes the new file, which `fd` refers to, the store. */
static int32_t Publish(const Op* op, const shoji_store* store, int fd) {
  if (fsync(fd) != 0) return FailErrno(op, "store file %s: cannot sync", store->new_path);
  if (rename(store->new_path, store->path) != 0) {
    return FailErrno(op, "store file %s: cannot rename to %s", store->new_path, store->path);
  }
  return SyncDirectory(op, store);
}

/* Replaces the store by what `reader` (NULL: nothing) and the change make together. */
static int32_t Replace(const Op* op, const shoji_store* store, Reader* reader, shoji_str key,
                       const shoji_str* value) {
  const int fd = open(store->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                      S_IRUSR | S_IWUSR);
  if (fd < 0) return FailErrno(op, "store file %s: cannot create", store->new_path);
  int32_t code = WriteAll(op, store, fd, CSTORE_MAGIC, CSTORE_MAGIC_SIZE);
  if (code == SHOJI_OK && reader != NULL) code = Merge(op, store, fd, reader, key, value);
  if (code == SHOJI_OK) code = Publish(op, store, fd);
  close(fd);
  if (code != SHOJI_OK) unlink(store->new_path);
  return code;
}

/* Waits for the other writers; closing *ret_fd lets the next one in. */
static int32_t Lock(const Op* op, const shoji_store* store, int* ret_fd) {
  const int fd =
      open(store->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (fd < 0) return FailErrno(op, "lock file %s: cannot open", store->lock_path);
  int32_t code = MayGoOn(op, 0);
  /* flock() knows no deadline and no cancel_fd, so it is asked again and again. */
  while (code == SHOJI_OK && flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK || errno == EINTR) {
      code = MayGoOn(op, kLockWaitMs);
    } else {
      code = FailErrno(op, "lock file %s: cannot lock", store->lock_path);
    }
  }
  if (code == SHOJI_OK) {
    *ret_fd = fd;
  } else {
    close(fd);
  }
  return code;
}

static int32_t CreateIfMissing(const Op* op, const shoji_store* store) {
  const shoji_str none = {NULL, 0};
  struct stat info;
  if (lstat(store->path, &info) == 0) return SHOJI_OK;
  if (errno == ENOENT) return Replace(op, store, NULL, none, NULL);
  return FailErrno(op, "store file %s: cannot look at it", store->path);
}

int32_t CreateRecords(const Op* op, const shoji_store* store) {
  /* No lock file beside what may turn out to be somebody else's. */
  struct stat info;
  if (lstat(store->path, &info) == 0) return SHOJI_OK;
  int lock;
  int32_t code = Lock(op, store, &lock);
  if (code != SHOJI_OK) return code;
  code = CreateIfMissing(op, store); /* another process may have been first */
  close(lock);
  return code;
}

static int32_t ChangeLocked(const Op* op, const shoji_store* store, shoji_str key,
                            const shoji_str* value) {
  Reader reader;
  int32_t code = OpenReader(op, store, &reader);
  if (code != SHOJI_OK) return code;
  Record record;
  int found = 1;
  if (value == NULL) { /* what is not there need not be removed */
    code = Find(op, &reader, key, &record, &found);
    reader.at = CSTORE_MAGIC_SIZE;
  }
  if (code == SHOJI_OK && found) code = Replace(op, store, &reader, key, value);
  CloseReader(&reader);
  return code;
}

int32_t ChangeRecord(const Op* op, const shoji_store* store, shoji_str key,
                     const shoji_str* value) {
  int lock;
  int32_t code = Lock(op, store, &lock);
  if (code != SHOJI_OK) return code;
  code = ChangeLocked(op, store, key, value);
  close(lock);
  return code;
}
