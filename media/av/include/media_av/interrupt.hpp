#pragma once

#include <chrono>
#include <stop_token>

#include <media_av/libav.hpp>

namespace sg::av {

/// Ends blocking libav I/O when stop is requested or a deadline passes. Install on a freshly
/// allocated context, before open; must outlive it. Thread: the one that reads; the stop may come
/// from any.
class Interrupt {
  public:
    using Clock = std::chrono::steady_clock;

    explicit Interrupt(std::stop_token stop) : stop_(std::move(stop)) {}
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;

    void set_deadline(Clock::time_point deadline) { deadline_ = deadline; }
    void clear_deadline() { deadline_ = Clock::time_point::max(); }
    [[nodiscard]] bool stopped() const { return stop_.stop_requested(); }
    [[nodiscard]] bool expired() const {
        return deadline_ != Clock::time_point::max() && Clock::now() >= deadline_;
    }
    [[nodiscard]] AVIOInterruptCB callback() {
        return {[](void* self) {
                    const auto* me = static_cast<const Interrupt*>(self);
                    return me->stopped() || me->expired() ? 1 : 0;
                },
                this};
    }

  private:
    std::stop_token stop_;
    Clock::time_point deadline_ = Clock::time_point::max();
};

}  // namespace sg::av
