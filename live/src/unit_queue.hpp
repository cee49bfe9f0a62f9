#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace sg::live {

/// What waits for an encoder that does not keep up: bounded in media time and bytes. Past the bound
/// whole GOPs of pictures go, oldest first; sound at twice the bound; what steers stays. One
/// thread.
class UnitQueue {
  public:
    struct Limits {
        std::chrono::nanoseconds duration{std::chrono::milliseconds(1000)};
        std::size_t bytes = std::size_t{24} << 20;
    };
    explicit UnitQueue(Limits limits) : limits_(limits) {}

    struct Unit {
        int track = 0;
        bool video = false;
        bool key = false;
        std::int64_t dts_ns = 0;
    };

    void steer(std::string message);
    /// False when it was dropped: a picture whose GOP has lost its start.
    bool push(const Unit& unit, std::string message);
    [[nodiscard]] std::optional<std::string> pop();

    void clear();
    [[nodiscard]] bool empty() const { return entries_.empty(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    /// Units dropped since the beginning.
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

  private:
    struct Entry {
        std::optional<Unit> unit;  ///< none: it steers
        std::string message;
    };

    [[nodiscard]] bool over() const;
    void make_room();
    void drop(std::size_t count_from_front, int track);

    Limits limits_;
    std::deque<Entry> entries_;
    std::map<int, bool> needs_key_;
    std::size_t bytes_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace sg::live
