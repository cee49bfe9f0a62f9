#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include <base/clock.hpp>

namespace sg::live {

/// Counts refused publishers by address, so that nobody guesses keys by the thousand. Bounded: the
/// address that was longest without a failure is forgotten first. Any thread.
class PublishFailures {
  public:
    static constexpr unsigned kMost = 20;  ///< within kSpan
    static constexpr std::chrono::seconds kSpan{60};
    static constexpr std::size_t kMostAddresses = 4096;

    [[nodiscard]] bool must_wait(const std::string& peer, Clock::Monotonic now);
    void count(const std::string& peer, Clock::Monotonic now);
    [[nodiscard]] std::size_t addresses() const;

  private:
    struct Entry {
        unsigned failures = 0;
        Clock::Monotonic since;
        Clock::Monotonic last;
    };
    /// One customer's IPv6 network counts as one address.
    [[nodiscard]] static std::string key_of(const std::string& peer);
    void make_room();

    mutable std::mutex mutex_;
    std::map<std::string, Entry> entries_;
};

}  // namespace sg::live
