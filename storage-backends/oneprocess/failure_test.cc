#include "failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace shoji::oneprocess {
namespace {

using testing::HasSubstr;
using testing::Not;

Status Io(const std::string& text) { return Failure(FailureKind::kIo, text, "leveldb", "/x/db"); }

TEST(FailureTest, TheCauseIsFoundInTheText) {
  const Status full = Io("IO error: /x/db/000003.log: No space left on device");
  EXPECT_EQ(full.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(full.sys_errno(), ENOSPC);
  EXPECT_THAT(full.message(), HasSubstr("/x/db/000003.log"));
  EXPECT_EQ(Io("IO error: a: Read-only file system").code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(Io("IO error: a: Permission denied").code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(Io("IO error: a: Disk quota exceeded").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Io("IO error: a: Too many open files").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Io("IO error: lock a: Resource temporarily unavailable").code(),
            StatusCode::kUnavailable);
}

TEST(FailureTest, WhatCannotBeReadIsDataLossWithAdvice) {
  for (const char* text : {"IO error: a: Input/output error", "a: No such file or directory"}) {
    EXPECT_EQ(Io(text).code(), StatusCode::kDataLoss) << text;
    EXPECT_THAT(Io(text).message(), HasSubstr("restore /x/db from a copy"));
  }
  const Status torn = Failure(FailureKind::kCorruption, "Corruption: bad\nblock", "rocksdb", "/y");
  EXPECT_EQ(torn.code(), StatusCode::kDataLoss);
  EXPECT_THAT(torn.message(), HasSubstr("ldb repair --db=/y"));
  EXPECT_THAT(torn.message(), Not(HasSubstr("\n")));
}

TEST(FailureTest, ACorruptionByADeniedAccessIsTheDenial) {
  const Status status =
      Failure(FailureKind::kCorruption, "Corruption: CURRENT: Permission denied", "leveldb", "/x");
  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied);
}

TEST(FailureTest, OtherFailuresKeepTheirWords) {
  EXPECT_EQ(Io("IO error: strange").code(), StatusCode::kUnknown);
  const Status status = Failure(FailureKind::kOther, "Not implemented: x", "leveldb", "/x");
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_THAT(status.message(), HasSubstr("Not implemented: x"));
}

}  // namespace
}  // namespace shoji::oneprocess
