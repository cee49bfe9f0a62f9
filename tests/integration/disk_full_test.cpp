#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <sys/mount.h>
#include <sys/stat.h>

#include <support/catch.hpp>

#include "made.hpp"
#include "program.hpp"
#include "quick.hpp"

using namespace sg::test;

namespace {

class SmallDisk {
  public:
    SmallDisk(std::filesystem::path at, const char* size) : at_(std::move(at)) {
        std::filesystem::create_directory(at_);
        mounted_ =
            ::mount("tmpfs", at_.c_str(), "tmpfs", 0, (std::string("size=") + size).c_str()) == 0;
    }
    ~SmallDisk() {
        if (mounted_) ::umount2(at_.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    [[nodiscard]] bool mounted() const { return mounted_; }
    void grow(const char* size) const {
        REQUIRE(
            ::mount(
                "tmpfs", at_.c_str(), "tmpfs", MS_REMOUNT, (std::string("size=") + size).c_str()) ==
            0);
    }

  private:
    std::filesystem::path at_;
    bool mounted_ = false;
};

}  // namespace

TEST_CASE("a full disk is said, and after there is room again the run goes on") {
    const TempFolder folder;
    const auto source = make_clip(folder / "film.mp4", flash_and_beep(9.4)).string();
    const auto words = [&](const std::filesystem::path& out, std::vector<std::string> more) {
        more.insert(more.begin(), {source, "-o", out.string(), "--jobs", "1"});
        return quick_words(folder, more);
    };
    const SmallDisk disk(folder / "disk", "160k");
    if (!disk.mounted()) {
        WARN("cannot mount a small disk here (" << std::strerror(errno) << "): skipped");
        return;
    }
    REQUIRE(streamgate(words(folder / "whole", {})).exit_code == 0);
    const auto whole = digests(folder / "whole");

    const auto out = folder / "disk" / "out";
    const auto full = streamgate(words(out, {}));
    INFO(full.out << full.err);
    CHECK(full.exit_code == 1);
    const auto failed = full.one("input.failed");
    CHECK(failed.at("code") == "no_space");
    CHECK(failed.at("resumable") == true);
    const auto message = failed.at("message").get<std::string>();
    CHECK(message.find("space") != std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
    CHECK_FALSE(std::filesystem::exists(out / "index.m3u8"));

    disk.grow("16m");
    const auto resumed = streamgate(words(out, {"--resume"}));
    INFO(resumed.out << resumed.err);
    CHECK(resumed.exit_code == 0);
    CHECK(digests(out) == whole);
}

TEST_CASE("a disk that is too small for what a pipe brings is said, and nothing stays on it") {
    const TempFolder folder;
    const SmallDisk disk(folder / "disk", "160k");
    if (!disk.mounted()) {
        WARN("cannot mount a small disk here (" << std::strerror(errno) << "): skipped");
        return;
    }
    const auto pipe = folder / "pipe.ts";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const auto out = folder / "disk" / "out";
    Program program(quick_words(folder, {pipe.string(), "-o", out.string()}));
    std::signal(SIGPIPE, SIG_IGN);
    std::ofstream(pipe, std::ios::binary) << std::string(1 << 20, 'x');
    const auto full = program.finish();
    INFO(full.out << full.err);
    CHECK(full.exit_code == 3);
    CHECK(full.one("input.failed").at("code") == "no_space");
    CHECK((!std::filesystem::exists(out) || std::filesystem::is_empty(out)));
}
