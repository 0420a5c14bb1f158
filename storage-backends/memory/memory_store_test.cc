#include "memory_store.h"

#include <gmock/gmock.h>

#include "place.h"
#include "store_suite.h"

namespace shoji::memory {
namespace {

using store_testing::OpenStore;
using store_testing::Options;
using store_testing::Plugin;
using store_testing::Subject;
using testing::ElementsAre;
using testing::IsEmpty;

// The directory is not used: it becomes the name.
Subject MemorySubject() {
  Subject subject;
  subject.id = "memory";
  subject.table = sdk::StoreTable<MemoryStore>();
  subject.options = [](const std::string& dir) { return Options{{"name", dir}}; };
  subject.durable = false;
  subject.crash_tests = false;
  subject.shared_by_processes = false;
  subject.has_files = false;
  return subject;
}

TEST(MemoryStore, RecordsOutliveTheHandleAndNotThePlugin) {
  Plugin plugin(MemorySubject(), "");
  ASSERT_TRUE(OpenStore(plugin).Save("a", "1").ok());
  EXPECT_EQ(OpenStore(plugin).Load("a").value(), "1");
  Plugin another(MemorySubject(), "");
  EXPECT_EQ(OpenStore(another).Load("a").status().code(), StatusCode::kNotFound);
}

TEST(MemoryStore, ANameIsAStoreOfItsOwnAndNoneIsDefault) {
  const sdk::testing::FakeHost host;
  const sdk::Host wrapped(host.raw());
  const auto open = [&](const std::string& name) {
    const shoji_option item = {sdk::ToStr("name"), sdk::ToStr(name)};
    const shoji_options options = {sizeof(shoji_options), 1, &item};
    return MemoryStore::Open(wrapped, sdk::OptionMap(&options)).value();
  };
  ASSERT_TRUE(open("")->Save(nullptr, "a", "1").ok());
  EXPECT_THAT(open("default")->Scan(nullptr, "").value(), ElementsAre("a"));
  EXPECT_THAT(open("other")->Scan(nullptr, "").value(), IsEmpty());
}

}  // namespace
}  // namespace shoji::memory

int main(int argc, char** argv) {
  return shoji::store_testing::RunStoreTests(argc, argv, shoji::memory::MemorySubject());
}
