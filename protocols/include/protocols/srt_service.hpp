#pragma once

#include <memory>

#include <base/result.hpp>

namespace sg::protocols {

class SrtPoller;

/// libsrt, and the one thread that serves all SRT sockets made with it. Owned by the composition
/// root; listeners and connections must not be used after it. Its thread sleeps while no SRT
/// socket is in use; libsrt's own threads wake about a hundred times a second while one is.
class SrtService {
  public:
    [[nodiscard]] static Result<std::unique_ptr<SrtService>> create();
    ~SrtService();
    SrtService(const SrtService&) = delete;
    SrtService& operator=(const SrtService&) = delete;

    [[nodiscard]] std::shared_ptr<SrtPoller> shared_poller() const { return poller_; }

  private:
    SrtService() = default;

    std::shared_ptr<SrtPoller> poller_;
};

}  // namespace sg::protocols
