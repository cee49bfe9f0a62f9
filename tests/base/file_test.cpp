#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include <base/file.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using sg::Durability;
using sg::Errc;

namespace {

std::size_t entries(const std::filesystem::path& folder) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
    return count;
}

}  // namespace

TEST_CASE("file: an atomic write leaves the new text and nothing beside it", "[base]") {
    const sg::test::TempFolder folder;
    for (const auto durability : {Durability::kNone, Durability::kFsync}) {
        REQUIRE(sg::write_file_atomic(folder / "a.txt", "first", durability));
        REQUIRE(sg::write_file_atomic(folder / "a.txt", "second", durability));
        CHECK(*sg::read_file(folder / "a.txt", 100) == "second");
        CHECK(entries(folder.path()) == 1);
    }
}

TEST_CASE("file: an atomic write that fails keeps the old text", "[base]") {
    const sg::test::TempFolder folder;
    // A folder that is not empty cannot be renamed over, even by root.
    std::filesystem::create_directories(folder / "target" / "inside");
    const auto status = sg::write_file_atomic(folder / "target", "text", Durability::kNone);
    REQUIRE_FALSE(status);
    CHECK(std::filesystem::is_directory(folder / "target" / "inside"));
    CHECK(entries(folder.path()) == 1);
}

TEST_CASE("file: an atomic write into a folder that is not there says so", "[base]") {
    const sg::test::TempFolder folder;
    const auto status = sg::write_file_atomic(folder / "no" / "a.txt", "text", Durability::kNone);
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kNotFound);
    CHECK(status.error().message.find("a.txt") != std::string::npos);
}

TEST_CASE("file: a full disk is an error of its own that says what to do", "[base]") {
    const auto fd = sg::open_file("/dev/full", O_WRONLY);
    if (!fd) return;
    const std::string text = "text";
    const auto status = sg::write_all(fd->get(), std::as_bytes(std::span(text)), "out/seg-1.m4s");
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kNoSpace);
    CHECK(status.error().message.find("out/seg-1.m4s") != std::string::npos);
    CHECK(status.error().message.find("free some space") != std::string::npos);
}

TEST_CASE("file: system errors map to codes", "[base]") {
    CHECK(sg::errno_error(ENOSPC, "x").code == Errc::kNoSpace);
    CHECK(sg::errno_error(EDQUOT, "x").code == Errc::kNoSpace);
    CHECK(sg::errno_error(EACCES, "x").code == Errc::kPermission);
    CHECK(sg::errno_error(ENOENT, "x").code == Errc::kNotFound);
    CHECK(sg::errno_error(EIO, "x").code == Errc::kIo);
    CHECK(sg::errno_error(ENOENT, "open film.mov").message ==
          "open film.mov: no such file or directory");
}

TEST_CASE("file: reading stops at the limit", "[base]") {
    const sg::test::TempFolder folder;
    REQUIRE(sg::write_file_atomic(folder / "a", std::string(1000, 'x'), Durability::kNone));
    CHECK(sg::read_file(folder / "a", 1000)->size() == 1000);
    CHECK(sg::read_file(folder / "a", 999).error().code == Errc::kLimit);
    CHECK(sg::read_file(folder / "b", 999).error().code == Errc::kNotFound);
}

TEST_CASE("file: read_at is short only at the end of the file", "[base]") {
    const sg::test::TempFolder folder;
    REQUIRE(sg::write_file_atomic(folder / "a", "0123456789", Durability::kNone));
    const auto fd = sg::open_file(folder / "a", O_RDONLY);
    REQUIRE(fd);
    std::vector<std::byte> bytes(4);
    CHECK(*sg::read_at(fd->get(), 2, bytes, "a") == 4);
    CHECK(bytes[0] == std::byte{'2'});
    CHECK(*sg::read_at(fd->get(), 8, bytes, "a") == 2);
    CHECK(*sg::read_at(fd->get(), 100, bytes, "a") == 0);
}

TEST_CASE("file: folders are made with their parents, and twice is no error", "[base]") {
    const sg::test::TempFolder folder;
    REQUIRE(sg::make_folders(folder / "a" / "b"));
    REQUIRE(sg::make_folders(folder / "a" / "b"));
    REQUIRE(sg::write_file_atomic(folder / "file", "x", Durability::kNone));
    CHECK_FALSE(sg::make_folders(folder / "file" / "b"));
}
