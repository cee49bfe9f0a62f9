#include "unit_queue.hpp"

#include <support/catch.hpp>

using namespace sg;
using live::UnitQueue;

namespace {

constexpr std::int64_t kMs = 1'000'000;

UnitQueue::Unit picture(std::int64_t ms, bool key = false) {
    return {0, true, key, ms * kMs};
}
UnitQueue::Unit sound(std::int64_t ms) {
    return {1, false, true, ms * kMs};
}

std::string left(UnitQueue& queue) {
    std::string text;
    while (const auto message = queue.pop()) text += *message + " ";
    return text;
}

}  // namespace

TEST_CASE("unit queue: keeps order, what steers included", "[live]") {
    UnitQueue queue({});
    queue.steer("track");
    CHECK(queue.push(picture(0, true), "K0"));
    CHECK(queue.push(sound(10), "a"));
    queue.steer("end");
    CHECK(queue.bytes() == 11);
    CHECK(left(queue) == "track K0 a end ");
    CHECK(queue.bytes() == 0);
    CHECK(queue.dropped() == 0);
}

TEST_CASE("unit queue: over its duration, old GOPs go and the newest stays", "[live]") {
    UnitQueue queue({std::chrono::milliseconds(1000), 1U << 20U});
    for (int i = 0; i < 12; ++i) {
        const bool key = i % 4 == 0;
        queue.push(picture(i * 100, key), (key ? "K" : "p") + std::to_string(i));
    }
    queue.steer("track");
    CHECK(queue.dropped() == 8);
    CHECK(left(queue) == "K8 p9 p10 p11 track ");
}

TEST_CASE("unit queue: one long GOP goes as a whole, with what depends on it", "[live]") {
    UnitQueue queue({std::chrono::milliseconds(300), 1U << 20U});
    CHECK(queue.push(picture(0, true), "K0"));
    for (int i = 1; i < 4; ++i) CHECK(queue.push(picture(i * 100), "p"));
    queue.push(picture(400), "p");
    CHECK_FALSE(queue.push(picture(500), "p"));
    CHECK(queue.push(sound(500), "a"));
    CHECK(queue.push(picture(600, true), "K6"));
    CHECK(queue.push(picture(700), "p7"));
    CHECK(queue.dropped() == 6);
    CHECK(left(queue) == "a K6 p7 ");
}

TEST_CASE("unit queue: sound alone loses its oldest", "[live]") {
    UnitQueue queue({std::chrono::milliseconds(50), 1U << 20U});
    for (int i = 0; i < 10; ++i) queue.push(sound(i * 20), std::to_string(i));
    CHECK(queue.dropped() == 4);
    CHECK(left(queue) == "4 5 6 7 8 9 ");
}

TEST_CASE("unit queue: sound stays when pictures go", "[live]") {
    UnitQueue queue({std::chrono::milliseconds(300), 1U << 20U});
    queue.push(picture(0, true), "K");
    for (int i = 0; i < 5; ++i) {
        queue.push(sound(i * 100), "a" + std::to_string(i));
        queue.push(picture(i * 100 + 10), "p");
    }
    CHECK(left(queue) == "a0 a1 a2 a3 a4 ");
}

TEST_CASE("unit queue: bytes are bounded too", "[live]") {
    UnitQueue queue({std::chrono::seconds(100), 1000});
    queue.push(picture(0, true), std::string(600, 'K'));
    queue.push(picture(40), std::string(600, 'p'));
    CHECK(queue.bytes() == 0);
    CHECK(queue.dropped() == 2);
    CHECK(queue.push(picture(80, true), std::string(600, 'K')));
}
