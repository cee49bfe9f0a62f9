#include <algorithm>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include <sys/stat.h>

#include <support/catch.hpp>

#include "made.hpp"
#include "program.hpp"
#include "quick.hpp"

using namespace sg::test;

namespace {

namespace fs = std::filesystem;

const std::set<std::string> kInputsFault{
    "bad_data", "not_found", "unsupported", "invalid_argument", "limit", "timeout"};

void write(const fs::path& path, const std::string& bytes) {
    std::ofstream out(path, std::ios::binary);
    out << bytes;
    REQUIRE(out.flush());
}

std::string noise(std::size_t bytes) {
    std::mt19937 random(3);
    std::string text(bytes, '\0');
    for (auto& c : text) c = static_cast<char>(random());
    return text;
}

/// Files that hold nothing that can be shown. Returns their paths.
std::vector<std::string> make_unreadable(const TempFolder& folder) {
    const auto good = bytes_of(make_clip(folder / "whole.mp4", flash_and_beep(2)));
    write(folder / "empty.mp4", "");
    write(folder / "text.mp4", "Dear reader,\nthis is not a film.\n");
    write(folder / "noise.mp4", noise(100'000));
    write(folder / "half.mp4", good.substr(0, good.size() / 2));  // the tables stand at the end
    write(folder / "zeros.ts", std::string(50'000, '\0'));
    write(folder / "short.mkv",
          bytes_of(make_clip(folder / "whole.mkv", flash_and_beep(2))).substr(0, 60));
    fs::create_directory(folder / "folder.mp4");
    REQUIRE(::mkfifo((folder / "silent.mp4").c_str(), 0600) == 0);
    std::vector<std::string> paths;
    for (const char* name : {"empty.mp4",
                             "text.mp4",
                             "noise.mp4",
                             "half.mp4",
                             "zeros.ts",
                             "short.mkv",
                             "folder.mp4",
                             "silent.mp4",
                             "missing.mp4"})
        paths.push_back((folder / name).string());
    return paths;
}

bool no_file_below(const fs::path& folder) {
    if (!fs::exists(folder)) return true;
    const fs::recursive_directory_iterator all(folder);
    return std::none_of(
        begin(all), end(all), [](const auto& entry) { return !entry.is_directory(); });
}

}  // namespace

TEST_CASE("bad inputs of a batch fail with one line each and leave the good one alone") {
    const TempFolder folder;
    const auto bad = make_unreadable(folder);
    auto inputs = bad;
    inputs.insert(inputs.begin() + 3, make_clip(folder / "good.mp4", flash_and_beep(3)).string());
    inputs.insert(inputs.end(), {"-o", (folder / "out").string(), "--open-timeout", "1s"});
    const auto ended = streamgate(quick_words(folder, inputs));
    INFO(ended.out << ended.err);
    CHECK(ended.exit_code == 1);
    std::set<std::string> failed;
    for (const auto& event : ended.events("input.failed")) {
        const auto name = event.at("subject").get<std::string>();
        const auto& data = event.at("data");
        CAPTURE(data.dump());
        CHECK(failed.insert(name).second);
        CHECK(kInputsFault.count(data.at("code").get<std::string>()) == 1);
        const auto message = data.at("message").get<std::string>();
        CHECK(message.find(name) != std::string::npos);
        CHECK(message.find('\n') == std::string::npos);
        CHECK(data.at("resumable") == false);
        CHECK_FALSE(fs::exists(folder / "out" / name));
    }
    CHECK(failed.size() == bad.size());
    CHECK(ended.one("finished").at("ok") == 1);
    CHECK(streamgate({"verify", (folder / "out" / "good").string()}).exit_code == 0);
}

TEST_CASE("when nothing can be read the exit code is 3 and one line says which file and why") {
    const TempFolder folder;
    for (const auto& path : make_unreadable(folder)) {
        CAPTURE(path);
        const auto out = folder / "out";
        const auto ended = streamgate({"transcode",
                                       path,
                                       "--preset",
                                       quick_preset(folder),
                                       "-o",
                                       out.string(),
                                       "--quiet",
                                       "--open-timeout",
                                       "1s"});
        INFO(ended.out << ended.err);
        CHECK(ended.exit_code == 3);
        const auto name = fs::path(path).filename().string();
        std::istringstream said(ended.err + ended.out);
        int naming = 0;
        for (std::string line; std::getline(said, line);)
            naming += line.find(name) != std::string::npos ? 1 : 0;
        CHECK(naming == 1);
        CHECK(no_file_below(out));
    }
}

TEST_CASE("a film that ends too early is made as far as it goes, and that is said") {
    const TempFolder folder;
    for (const char* name : {"cut.ts", "cut.mkv"}) {
        CAPTURE(name);
        const auto whole = make_clip(folder / (std::string("whole-") + name), flash_and_beep(6));
        const auto cut = cut_file(whole, folder / name, fs::file_size(whole) * 2 / 3);
        const auto out = folder / (std::string("out-") + name);
        const auto ended = streamgate(quick_words(folder, {cut.string(), "-o", out.string()}));
        INFO(ended.out << ended.err);
        REQUIRE(ended.exit_code == 0);
        const auto seconds = ended.one("input.finished").at("duration_s").get<double>();
        CHECK(seconds > 2.5);
        CHECK(seconds < 5.5);
    }
}

TEST_CASE("flipped bits are repaired or refused, never a crash") {
    const TempFolder folder;
    std::mt19937 random(20260131);
    for (const char* name : {"film.mp4", "film.ts", "film.mkv", "film.flv"}) {
        const auto good = bytes_of(make_clip(folder / name, flash_and_beep(3)));
        for (int round = 0; round < 3; ++round) {
            CAPTURE(name, round);
            auto bytes = good;
            for (int flips = 0; flips < 10; ++flips)
                bytes[random() % bytes.size()] ^= static_cast<char>(1U << random() % 8);
            const auto path = folder / ("bad" + std::to_string(round) + "-" + name);
            write(path, bytes);
            const auto out = folder / "out";
            const auto ended = streamgate(quick_words(folder, {path.string(), "-o", out.string()}));
            INFO(ended.out << ended.err);
            if (ended.exit_code == 0) {
                CHECK(streamgate({"verify", out.string()}).exit_code == 0);
            } else {
                CHECK((ended.exit_code == 1 || ended.exit_code == 3));
                CHECK(kInputsFault.count(ended.one("input.failed").at("code").get<std::string>()) ==
                      1);
                CHECK(no_file_below(out));
            }
            fs::remove_all(out);
        }
    }
}

TEST_CASE("how much damage is tolerated can be said") {
    const TempFolder folder;
    auto clip = flash_and_beep(4);
    const auto good = bytes_of(make_clip(folder / "film.ts", clip));
    auto bytes = good;
    // The payload of every seventh packet of the second half.
    for (std::size_t at = bytes.size() / 188 / 2 * 188; at + 188 <= bytes.size(); at += 188 * 7)
        std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at) + 60,
                  bytes.begin() + static_cast<std::ptrdiff_t>(at) + 188,
                  '\xff');
    write(folder / "damaged.ts", bytes);
    const auto run = [&](const std::string& strict) {
        return streamgate(quick_words(folder,
                                      {(folder / "damaged.ts").string(),
                                       "-o",
                                       (folder / strict).string(),
                                       "--strict",
                                       strict}));
    };
    const auto tolerant = run("100");
    INFO(tolerant.out << tolerant.err);
    CHECK(tolerant.exit_code == 0);
    CHECK_FALSE(tolerant.one("input.finished").at("repairs").empty());
    const auto strict = run("0");
    INFO(strict.out << strict.err);
    CHECK(strict.exit_code == 1);
    CHECK(strict.one("input.failed").at("code") == "bad_data");
    CHECK(no_file_below(folder / "0"));
}
