#include <atomic>
#include <chrono>
#include <regex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <base/ids.hpp>
#include <support/catch.hpp>

namespace {

class HeldClock final : public sg::Clock {
  public:
    [[nodiscard]] Monotonic now() const override { return {}; }
    [[nodiscard]] Wall wall() const override { return Wall(std::chrono::milliseconds(ms_.load())); }
    void advance() { ++ms_; }

  private:
    std::atomic<std::int64_t> ms_{1'700'000'000'000};
};

}  // namespace

TEST_CASE("ids: are UUIDv7 behind a prefix", "[base]") {
    const HeldClock clock;
    const std::regex shape(
        "job_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
    CHECK(std::regex_match(sg::make_id("job", clock), shape));
    // 1700000000000 ms is 0x018bcfe56800.
    CHECK(sg::make_id("job", clock).substr(4, 13) == "018bcfe5-6800");
}

TEST_CASE("ids: sort by the time they were made", "[base]") {
    HeldClock clock;
    std::string before = sg::make_id("job", clock);
    for (int i = 0; i < 1000; ++i) {
        clock.advance();
        const auto next = sg::make_id("job", clock);
        REQUIRE(before < next);
        before = next;
    }
}

TEST_CASE("ids: differ within one millisecond and between threads", "[base]") {
    const HeldClock clock;
    std::vector<std::vector<std::string>> made(4);
    {
        std::vector<std::jthread> threads;
        for (auto& list : made) {
            threads.emplace_back([&list, &clock] {
                for (int i = 0; i < 1000; ++i) list.push_back(sg::make_id("x", clock));
            });
        }
    }
    std::set<std::string> all;
    for (const auto& list : made) all.insert(list.begin(), list.end());
    CHECK(all.size() == 4000);
}
