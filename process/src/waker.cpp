#include <cerrno>
#include <cstdint>
#include <utility>

#include <unistd.h>

#include <sys/eventfd.h>

#include <base/file.hpp>
#include <process/waker.hpp>

namespace sg::process {

Result<Waker> Waker::create() {
    UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!fd.valid()) return errno_error(errno, "create an eventfd");
    return Waker(std::move(fd));
}

void Waker::wake() const noexcept {
    // Fails only when the counter is full, and then fd() is readable already.
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto ignored = ::write(fd_.get(), &one, sizeof one);
}

void Waker::clear() const noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto ignored = ::read(fd_.get(), &count, sizeof count);
}

}  // namespace sg::process
