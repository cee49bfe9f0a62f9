#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <thread>

#include <sched.h>

#include <sys/mount.h>

#include <base/file.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

TEST_CASE("file: an atomic write to a full disk keeps the old text and leaves nothing beside it",
          "[base]") {
    const sg::test::TempFolder folder;
    std::optional<sg::Status> status;
    std::string left;
    std::ptrdiff_t entries = 0;
    // A thread with a mount table of its own: the tiny disk is seen by nobody else and goes with
    // it.
    std::thread([&] {
        if (::unshare(CLONE_NEWNS) != 0) return;
        if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
        if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0) return;
        if (!sg::write_file_atomic(folder / "a", "old", sg::Durability::kNone)) return;
        status =
            sg::write_file_atomic(folder / "a", std::string(1 << 20, 'x'), sg::Durability::kFsync);
        if (auto text = sg::read_file(folder / "a", 100)) left = *text;
        entries = std::distance(std::filesystem::directory_iterator(folder.path()), {});
    }).join();
    if (!status) {
        WARN("not allowed to mount: not tested");
        return;
    }
    REQUIRE_FALSE(*status);
    CHECK(status->error().code == sg::Errc::kNoSpace);
    CHECK(left == "old");
    CHECK(entries == 1);
}
