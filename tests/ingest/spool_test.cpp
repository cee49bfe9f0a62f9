#include <fstream>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include <ingest/spool.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::ingest;

namespace {

SpoolOptions in(const test::TempFolder& folder) {
    SpoolOptions options;
    options.folder = folder.path();
    return options;
}

std::string content(int fd) {
    std::string text(100'000, '\0');
    const auto got = ::pread(fd, text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

Result<UniqueFd> spooled(UniqueFd pipe, const SpoolOptions& options) {
    SG_TRY_ASSIGN(UniqueFd copy, temporary_file(options.folder));
    SG_TRY(copy_pipe(pipe.get(), copy.get(), "pipe", options));
    return copy;
}

struct Pipe {
    UniqueFd read;
    UniqueFd write;
    Pipe() {
        int fds[2];
        REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
        read.reset(fds[0]);
        write.reset(fds[1]);
    }
};

}  // namespace

TEST_CASE("a file is opened where it is") {
    test::TempFolder folder;
    std::ofstream(folder / "film.mp4") << "data";
    const auto local = open_local((folder / "film.mp4").string(), in(folder));
    REQUIRE(local);
    CHECK_FALSE(local->spooled);
    CHECK(local->name == "film.mp4");
    CHECK(content(local->fd.get()) == "data");
}

TEST_CASE("a pipe is copied until its end") {
    test::TempFolder folder;
    Pipe pipe;
    std::jthread writer([fd = std::move(pipe.write)] {
        for (int i = 0; i < 3; ++i) (void)!::write(fd.get(), "0123456789", 10);
    });
    const auto local = spooled(std::move(pipe.read), in(folder));
    REQUIRE(local);
    CHECK(content(local->get()) == "012345678901234567890123456789");
    CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a named pipe that nobody writes to fails after the time allowed") {
    test::TempFolder folder;
    const auto path = folder / "fifo";
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    auto options = in(folder);
    options.first_byte_timeout = std::chrono::milliseconds(50);
    const auto local = open_local(path.string(), options);
    REQUIRE_FALSE(local);
    CHECK(local.error().code == Errc::kTimeout);
    CHECK(local.error().message.find("fifo") != std::string::npos);
}

TEST_CASE("a pipe that falls silent fails after the time allowed") {
    test::TempFolder folder;
    Pipe pipe;
    REQUIRE(::write(pipe.write.get(), "abc", 3) == 3);
    auto options = in(folder);
    options.idle_timeout = std::chrono::milliseconds(50);
    const auto local = spooled(std::move(pipe.read), options);
    REQUIRE_FALSE(local);
    CHECK(local.error().code == Errc::kTimeout);
}

TEST_CASE("a stop request ends the wait for a pipe") {
    test::TempFolder folder;
    Pipe pipe;
    std::stop_source source;
    source.request_stop();
    auto options = in(folder);
    options.stop = source.get_token();
    const auto local = spooled(std::move(pipe.read), options);
    REQUIRE_FALSE(local);
    CHECK(local.error().code == Errc::kCancelled);
}

TEST_CASE("more bytes than allowed are refused") {
    test::TempFolder folder;
    Pipe pipe;
    REQUIRE(::write(pipe.write.get(), "0123456789", 10) == 10);
    pipe.write.reset();
    auto options = in(folder);
    options.max_bytes = 5;
    const auto local = spooled(std::move(pipe.read), options);
    REQUIRE_FALSE(local);
    CHECK(local.error().code == Errc::kLimit);
}

TEST_CASE("a pipe without data, a folder, a device, an address and nothing at all are told apart") {
    test::TempFolder folder;
    Pipe pipe;
    pipe.write.reset();
    CHECK(spooled(std::move(pipe.read), in(folder)).error().code == Errc::kBadData);
    CHECK(open_local(folder.path().string(), in(folder)).error().code == Errc::kInvalidArgument);
    CHECK(open_local("http://example.com/film.mp4", in(folder)).error().code ==
          Errc::kInvalidArgument);
    CHECK(open_local((folder / "missing.mp4").string(), in(folder)).error().code ==
          Errc::kNotFound);
    CHECK(open_local("/dev/null", in(folder)).error().code == Errc::kInvalidArgument);
}

TEST_CASE("picture patterns are recognised by number or wildcard and ending") {
    CHECK(is_image_pattern("frames/%04d.png"));
    CHECK(is_image_pattern("frames/%d.JPG"));
    CHECK(is_image_pattern("shots/*.jpeg"));
    CHECK_FALSE(is_image_pattern("frames/0001.png"));
    CHECK_FALSE(is_image_pattern("films/*.mp4"));
    CHECK_FALSE(is_image_pattern("100%.png"));
}
