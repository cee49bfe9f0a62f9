#include <atomic>
#include <fstream>

#include <fcntl.h>
#include <unistd.h>

#include <live/channel_state.hpp>
#include <live/disk_writer.hpp>

#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace std::chrono_literals;
using live::ChannelState;
using live::ChannelStateFile;

namespace {

ChannelState state_at(std::int64_t number) {
    ChannelState state;
    state.first_epoch = "a1";
    state.epoch = "b2";
    state.next_number = number;
    state.under_way = true;
    state.discontinuities = 3;
    state.availability_start = packagers::WallTime(1'790'000'000s + 250ms);
    state.written = packagers::WallTime(1'790'000'100s);
    state.keep = 600s;
    return state;
}

void spoil(const std::filesystem::path& file, off_t at) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    CHECK(::pwrite(fd, "x", 1, at) == 1);
    ::close(fd);
}

}  // namespace

TEST_CASE("a channel's state is read as it was written, the newest first") {
    test::TempFolder temp;
    const auto path = temp / "state";
    CHECK_FALSE(ChannelStateFile::read(path));
    {
        auto file = ChannelStateFile::open(path);
        REQUIRE(file);
        for (std::int64_t number = 1; number <= 7; ++number) REQUIRE(file->write(state_at(number)));
    }
    auto read = ChannelStateFile::read(path);
    REQUIRE(read);
    CHECK(read->next_number == 7);
    CHECK(read->first_epoch == "a1");
    CHECK(read->epoch == "b2");
    CHECK(read->under_way);
    CHECK_FALSE(read->final);
    CHECK(read->discontinuities == 3);
    CHECK(read->availability_start == packagers::WallTime(1'790'000'000s + 250ms));
    CHECK_FALSE(read->end_date);
    CHECK(read->keep == 600s);
    // Another run goes on behind it.
    auto again = ChannelStateFile::open(path);
    REQUIRE(again);
    REQUIRE(again->write(state_at(8)));
    CHECK(ChannelStateFile::read(path)->next_number == 8);
    CHECK(std::filesystem::file_size(path) <= 1024);
}

TEST_CASE("a torn record of a channel's state leaves the one before") {
    test::TempFolder temp;
    const auto path = temp / "state";
    {
        auto file = ChannelStateFile::open(path);
        REQUIRE(file);
        REQUIRE(file->write(state_at(1)));  // the second slot
        REQUIRE(file->write(state_at(2)));  // the first
    }
    spoil(path, 40);
    CHECK(ChannelStateFile::read(path)->next_number == 1);
    spoil(path, 512 + 40);
    CHECK_FALSE(ChannelStateFile::read(path));
    std::ofstream(path, std::ios::trunc) << "short";
    CHECK_FALSE(ChannelStateFile::read(path));
}

TEST_CASE("tasks of the disk run in the order of their key, and media waits only within bounds") {
    NullMetrics metrics;
    live::DiskWriter disk({2, 100}, metrics);
    std::atomic<bool> open = false;
    const auto key = disk.new_key();
    REQUIRE(disk.post(key, 60, [&] { open.wait(false); }));
    std::vector<int> order;
    REQUIRE(disk.post(key, 40, [&] { order.push_back(1); }));
    CHECK_FALSE(disk.post(key, 1, [&] { order.push_back(2); }));
    CHECK(disk.post(key, 0, [&] { order.push_back(3); }));
    open = true;
    open.notify_all();
    disk.drain();
    CHECK(order == std::vector<int>{1, 3});
    CHECK(disk.post(key, 100, [] {}));
    disk.stop();
    CHECK_FALSE(disk.post(key, 0, [] {}));
}
