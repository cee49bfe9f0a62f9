#include <cerrno>
#include <utility>

#include <fcntl.h>

#include <base/file.hpp>
#include <base/unique_fd.hpp>
#include <support/catch.hpp>

namespace {

bool open_in_kernel(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0 || errno != EBADF;
}

}  // namespace

TEST_CASE("unique_fd: closes once, after moves, and not after release", "[base]") {
    int raw = -1;
    {
        auto opened = sg::open_file("/dev/null", O_RDONLY);
        REQUIRE(opened);
        sg::UniqueFd first = std::move(*opened);
        raw = first.get();
        CHECK((::fcntl(raw, F_GETFD) & FD_CLOEXEC) != 0);
        sg::UniqueFd second = std::move(first);
        CHECK(second.get() == raw);
        CHECK(open_in_kernel(raw));
    }
    CHECK_FALSE(open_in_kernel(raw));

    auto opened = sg::open_file("/dev/null", O_RDONLY);
    REQUIRE(opened);
    sg::UniqueFd fd = std::move(*opened);
    raw = fd.release();
    fd.reset();
    CHECK(open_in_kernel(raw));
    fd.reset(raw);
    fd.reset();
    CHECK_FALSE(open_in_kernel(raw));
}
