#pragma once

#include <server/exchange.hpp>

namespace sg::server {

/// A request in a WaitList.
class Waiter {
  public:
    Waiter() = default;
    virtual ~Waiter() { unlink(); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    void link(WaitList& list) noexcept;
    void unlink() noexcept;
    /// Out of the list; called once per link().
    virtual void end_wait(WaitOutcome outcome) = 0;

  private:
    friend class WaitList;
    WaitList* list_ = nullptr;
    Waiter* previous_ = nullptr;
    Waiter* next_ = nullptr;
};

}  // namespace sg::server
