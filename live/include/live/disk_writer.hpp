#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include <base/metric.hpp>

namespace sg::live {

/// Does what a disk may block, on a few threads of its own, so that no channel waits for it. Any
/// thread.
class DiskWriter {
  public:
    struct Limits {
        std::size_t threads = 2;
        std::size_t queue_bytes = std::size_t{96} << 20;  ///< of media that waits
    };
    DiskWriter(const Limits& limits, Metrics& metrics);
    /// As stop().
    ~DiskWriter();

    /// Tasks of one key run one after the other, in order. `bytes`: of media that the task keeps in
    /// memory. False when there is no room for them, or after stop(): the task will not run.
    [[nodiscard]] bool post(std::uint64_t key, std::size_t bytes, std::function<void()> task);
    /// A key that nobody else has.
    [[nodiscard]] std::uint64_t new_key();
    /// The key of all who name the same thing.
    [[nodiscard]] static std::uint64_t key_of(std::string_view name);
    /// Waits until all that was posted has run.
    void drain();
    /// Runs what waits, then nothing any more.
    void stop();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::live
