// The wrappers over tables that are short, empty or wrong.
#include "plugin/interfaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/slots.h"

namespace shoji {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct FakeVm {
  std::string pids;
  int closed = 0;
  int destroyed = 0;
  std::uint32_t stop_flags = 7;
};

FakeVm* Of(shoji_vm* vm) { return reinterpret_cast<FakeVm*>(vm); }
shoji_vm* Handle(FakeVm* vm) { return reinterpret_cast<shoji_vm*>(vm); }

shoji_hypervisor_v1 FakeTable() {
  shoji_hypervisor_v1 table{};
  table.struct_size = sizeof(table);
  table.pids = [](shoji_vm* vm, const shoji_sink* sink, shoji_error*) {
    return sink->write(sink->ctx, Of(vm)->pids.data(), Of(vm)->pids.size());
  };
  table.stop = [](shoji_vm* vm, const shoji_call*, std::uint32_t flags, shoji_error*) {
    Of(vm)->stop_flags = flags;
    return SHOJI_OK;
  };
  table.close_vm = [](shoji_vm* vm) { ++Of(vm)->closed; };
  table.destroy = [](shoji_vm* vm, const shoji_call*, shoji_error*) {
    ++Of(vm)->destroyed;
    return SHOJI_UNAVAILABLE;  // mute
  };
  return table;
}

TEST(VmWrapper, CallsTheSlotsAndClosesOnce) {
  const shoji_hypervisor_v1 table = FakeTable();
  FakeVm fake{"12\n34\n"};
  {
    Vm vm(&table, Handle(&fake), "hypervisor fake");
    EXPECT_THAT(vm.Pids().value(), ElementsAre(12, 34));
    EXPECT_TRUE(vm.Stop({}, true).ok());
    EXPECT_EQ(fake.stop_flags, SHOJI_VM_STOP_FORCE);
    EXPECT_EQ(vm.wait_fd(), -1);
    EXPECT_EQ(vm.LastWords(), "");
    EXPECT_EQ(vm.SaveState().status().code(), StatusCode::kUnimplemented);
    fake.pids = "12\nrm -rf";
    EXPECT_THAT(vm.Pids().status().message(), HasSubstr("\"rm -rf\", not a process id"));
  }
  EXPECT_EQ(fake.closed, 1);
}

TEST(VmWrapper, AfterDestroyTheHandleIsGone) {
  const shoji_hypervisor_v1 table = FakeTable();
  FakeVm fake;
  {
    Vm vm(&table, Handle(&fake), "hypervisor fake");
    EXPECT_EQ(vm.Destroy({}).message(),
              "plugin hypervisor fake: call destroy failed with UNAVAILABLE and no message");
    EXPECT_TRUE(vm.Destroy({}).ok());
    EXPECT_EQ(vm.Pids().status().code(), StatusCode::kFailedPrecondition);
    EXPECT_EQ(vm.Stop({}, false).code(), StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(fake.destroyed, 1);
  EXPECT_EQ(fake.closed, 0);
}

// A plugin built when the table was shorter: what lies behind its end is never touched.
TEST(VmWrapper, AShortTableIsReadToItsEndOnly) {
  shoji_hypervisor_v1 table = FakeTable();
  table.struct_size = offsetof(shoji_hypervisor_v1, wait_fd);
  FakeVm fake{"12"};
  Vm vm(&table, Handle(&fake), "hypervisor old");
  EXPECT_EQ(vm.Pids().status().message(), "plugin hypervisor old does not offer the call pids");
  EXPECT_TRUE(vm.Stop({}, false).ok());
}

TEST(HypervisorWrapper, AttachKeepsTheHandleOfAVmThatIsGone) {
  static FakeVm fake;
  shoji_hypervisor_v1 table = FakeTable();
  table.attach = [](shoji_hypervisor*, const shoji_call*, shoji_str state, shoji_vm** ret_vm,
                    shoji_error* error) -> std::int32_t {
    const std::string what(state.data, state.size);
    if (what == "null") return SHOJI_OK;
    if (what == "bad") {
      SetError(error, SHOJI_DATA_LOSS, 0, ToStr("cannot read the state"));
      return SHOJI_DATA_LOSS;
    }
    *ret_vm = Handle(&fake);
    return SHOJI_NOT_FOUND;
  };
  table.check = [](shoji_hypervisor*, const shoji_call*, const shoji_sink* sink,
                   shoji_error* error) -> std::int32_t {
    sink->write(sink->ctx, "[]", 2);
    SetError(error, SHOJI_FAILED_PRECONDITION, 0, ToStr("no CPU"));
    return SHOJI_FAILED_PRECONDITION;
  };
  Hypervisor hypervisor(&table, nullptr, "fake");
  const auto gone = hypervisor.Attach({}, "gone");
  ASSERT_TRUE(gone.ok());
  EXPECT_TRUE(gone->gone);
  EXPECT_NE(gone->vm, nullptr);
  EXPECT_EQ(hypervisor.Attach({}, "bad").status().message(), "cannot read the state");
  EXPECT_THAT(hypervisor.Attach({}, "null").status().message(),
              HasSubstr("without giving a handle"));
  EXPECT_EQ(hypervisor.Check({}).status().detail("report"), "[]");
}

TEST(AgentWrapper, ReadsIntoTheBufferAndNoFurther) {
  shoji_agent_v1 table{};
  table.struct_size = sizeof(table);
  table.read_stdout = [](shoji_agent*, const shoji_call*, shoji_process_ref, std::uint32_t max,
                         const shoji_sink* sink, shoji_error* error) -> std::int32_t {
    const std::string data(std::size_t{max} + (max == 3 ? 1 : 0), 'x');
    const std::int32_t code = sink->write(sink->ctx, data.data(), data.size());
    if (code != SHOJI_OK) SetError(error, code, 0, ToStr("the sink is full"));
    return code;
  };
  table.write_stdin = [](shoji_agent*, const shoji_call*, shoji_process_ref, shoji_str data,
                         std::uint64_t* ret_written, shoji_error*) -> std::int32_t {
    *ret_written = data.size + 1;
    return SHOJI_OK;
  };
  Agent agent(&table, nullptr, "agent fake");
  char buffer[8] = {};
  EXPECT_EQ(agent.ReadStdout({}, {"c", "p"}, buffer, 4).value(), 4U);
  EXPECT_STREQ(buffer, "xxxx");
  EXPECT_EQ(agent.ReadStdout({}, {"c", "p"}, buffer, 3).status().code(),
            StatusCode::kResourceExhausted);
  EXPECT_EQ(agent.ReadStderr({}, {"c", "p"}, buffer, 3).status().code(),
            StatusCode::kUnimplemented);
  EXPECT_EQ(agent.WriteStdin({}, {"c", "p"}, "abc").status().code(), StatusCode::kInternal);
}

}  // namespace
}  // namespace shoji
