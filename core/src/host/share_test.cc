#include "host/share.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include "host/mount.h"
#include "shoji/base/file.h"
#include "testing/fake_plugins.h"

namespace shoji {
namespace {

const bool kInNamespace = testing::EnterMountNamespace();

class ShareTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(kInNamespace) << "needs root: a mount namespace of its own";
    ASSERT_TRUE(MakeDirs(paths_.dir).ok());
    ASSERT_TRUE(MakeDirs(Source("rootfs")).ok());
    ASSERT_TRUE(MakeDirs(Source("data dir, odd:name")).ok());
    ASSERT_TRUE(WriteFile(Source("rootfs/file"), "lower").ok());
    ASSERT_TRUE(WriteFile(Source("plain"), "text").ok());
    ASSERT_TRUE(share_.Prepare().ok());
    ASSERT_TRUE(share_.Prepare().ok());
  }
  std::string Source(const std::string& name) const { return dir_.path() + "/" + name; }
  std::string Shared(const std::string& name) const { return paths_.share + "/" + name; }
  void ExpectEmpty() {
    EXPECT_TRUE(share_.RemoveAll().ok());
    EXPECT_TRUE(MountsBelow(paths_.dir)->empty());
    EXPECT_TRUE(ListDir(paths_.dir)->empty());
  }
  testing::TempDir dir_;
  SandboxPaths paths_{dir_.path(), "pod"};
  Share share_{paths_};
};

TEST_F(ShareTest, ShowsRootfsAndVolumes) {
  ASSERT_TRUE(MakeDirs(Source("data dir, odd:name/sub")).ok());
  ASSERT_EQ(mount("t", Source("data dir, odd:name/sub").c_str(), "tmpfs", 0, ""), 0);
  ASSERT_TRUE(WriteFile(Source("data dir, odd:name/sub/deep"), "1").ok());
  const auto shared =
      share_.AddContainer("web", {Source("rootfs"), "", false, false},
                          {{Source("data dir, odd:name"), true}, {Source("plain"), false}});
  ASSERT_TRUE(shared.ok()) << shared.status().message();
  EXPECT_EQ(shared->guest_rootfs, "/run/kata-containers/shared/containers/web/rootfs");
  EXPECT_EQ(*ReadFile(Shared("web/rootfs/file")), "lower");
  EXPECT_TRUE(WriteFile(Shared("web/rootfs/new"), "x").ok());
  EXPECT_TRUE(PathExists(Source("rootfs/new")));
  const std::string data = Shared("web-0-data dir, odd:name");
  EXPECT_EQ(*ReadFile(data + "/sub/deep"), "1");
  EXPECT_FALSE(WriteFile(data + "/x", "").ok());
  EXPECT_FALSE(WriteFile(data + "/sub/x", "").ok());  // read-only all the way down
  EXPECT_EQ(*ReadFile(Shared("web-1-plain")), "text");
  EXPECT_FALSE(WriteFile(Shared("planted"), "").ok());  // the guest cannot plant links
  ASSERT_TRUE(share_.RemoveContainer("web", shared->entries).ok());
  EXPECT_TRUE(ListDir(paths_.share)->empty());
  EXPECT_TRUE(PathExists(Source("data dir, odd:name/sub/deep")));
  umount(Source("data dir, odd:name/sub").c_str());
  ExpectEmpty();
}

TEST_F(ShareTest, AnOverlayIsMadeHere) {
  for (const char* name : {"lower", "upper", "work", "merge"}) {
    ASSERT_TRUE(MakeDirs(Source(name)).ok());
  }
  ASSERT_TRUE(WriteFile(Source("lower/file"), "lower").ok());
  ASSERT_EQ(mount("t", Source("upper").c_str(), "tmpfs", 0, ""), 0);  // no overlay lies on another
  ASSERT_TRUE(MakeDirs(Source("upper/u")).ok() && MakeDirs(Source("upper/w")).ok());
  const std::string dirs = "lowerdir=" + Source("lower") + ",upperdir=" + Source("upper/u") +
                           ",workdir=" + Source("upper/w");
  const auto shared = share_.AddContainer("web", {Source("rootfs"), "", false, false},
                                          {{Source("merge"), false, "/v", dirs}});
  ASSERT_TRUE(shared.ok()) << shared.status().message();
  EXPECT_EQ(*ReadFile(Shared("web-0-merge/file")), "lower");
  EXPECT_TRUE(WriteFile(Shared("web-0-merge/file"), "new").ok());
  EXPECT_EQ(*ReadFile(Source("lower/file")), "lower");
  EXPECT_EQ(*ReadFile(Source("upper/u/file")), "new");
  ASSERT_TRUE(share_.RemoveContainer("web", shared->entries).ok());
  // What stands as its source is often a mere name.
  const std::string lowers = "lowerdir=" + Source("lower") + ":" + Source("upper/u");
  const auto named = share_.AddContainer("web", {Source("rootfs"), "", false, false},
                                         {{"overlay", true, "/v", lowers}});
  ASSERT_TRUE(named.ok()) << named.status().message();
  EXPECT_EQ(*ReadFile(Shared("web-0-overlay/file")), "lower");
  EXPECT_EQ(WriteFile(Shared("web-0-overlay/file"), "new").sys_errno(), EROFS);
  ASSERT_TRUE(share_.RemoveContainer("web", named->entries).ok());
  const auto bad = share_.AddContainer("web", {Source("rootfs"), "", false, false},
                                       {{Source("merge"), false, "/v", "lowerdir=/no/such"}});
  EXPECT_FALSE(bad.ok());
  ExpectEmpty();
  ASSERT_EQ(umount2(Source("upper").c_str(), MNT_DETACH), 0);
}

TEST_F(ShareTest, EphemeralRootfsForgets) {
  const auto shared = share_.AddContainer("web", {Source("rootfs"), "", false, true}, {});
  ASSERT_TRUE(shared.ok()) << shared.status().message();
  ASSERT_TRUE(WriteFile(Shared("web/rootfs/file"), "changed").ok());
  EXPECT_EQ(*ReadFile(Source("rootfs/file")), "lower");
  ASSERT_TRUE(share_.RemoveContainer("web", shared->entries).ok());
  ExpectEmpty();
}

TEST_F(ShareTest, ReadOnlyAndSymbolicLinks) {
  ASSERT_EQ(symlink("rootfs", Source("link").c_str()), 0);
  const auto shared = share_.AddContainer("web", {Source("link"), "", true, false}, {});
  ASSERT_TRUE(shared.ok());
  EXPECT_EQ(shared->rootfs_source, Source("rootfs"));
  EXPECT_FALSE(WriteFile(Shared("web/rootfs/new"), "x").ok());
  ExpectEmpty();
}

TEST_F(ShareTest, FailuresLeaveNothing) {
  const auto no_rootfs = share_.AddContainer("web", {"/no/such", "", false, false}, {});
  EXPECT_EQ(no_rootfs.status().message(),
            "rootfs \"/no/such\" of container \"web\" does not exist");
  EXPECT_EQ(no_rootfs.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(share_.AddContainer("web", {Source("plain"), "", false, false}, {}).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(share_
                .AddContainer("web", {Source("rootfs"), "", false, true},
                              {{Source("plain"), false}, {"/no/volume", false}})
                .status()
                .code(),
            StatusCode::kNotFound);
  EXPECT_TRUE(ListDir(paths_.share)->empty());
  EXPECT_TRUE(MountsBelow(paths_.overlay)->empty());
  ExpectEmpty();
}

TEST_F(ShareTest, VolumeMayBeNamedLikeAnotherContainer) {
  const auto first = share_.AddContainer("a-0-plain", {Source("rootfs"), "", false, false}, {});
  const auto second =
      share_.AddContainer("a", {Source("rootfs"), "", false, false}, {{Source("plain"), false}});
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(second.ok());
  ASSERT_TRUE(share_.RemoveContainer("a", second->entries).ok());
  EXPECT_EQ(*ReadFile(Shared("a-0-plain/rootfs/file")), "lower");
  ExpectEmpty();
}

}  // namespace
}  // namespace shoji
