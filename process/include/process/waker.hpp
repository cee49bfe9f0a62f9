#pragma once

#include <base/result.hpp>
#include <base/unique_fd.hpp>

namespace sg::process {

/// An eventfd: wake() from any thread makes fd() readable for a poll(2) loop until clear().
class Waker {
  public:
    [[nodiscard]] static Result<Waker> create();

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    void wake() const noexcept;
    void clear() const noexcept;

  private:
    explicit Waker(UniqueFd fd) : fd_(std::move(fd)) {}

    UniqueFd fd_;
};

}  // namespace sg::process
