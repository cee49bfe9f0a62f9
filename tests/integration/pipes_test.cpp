#include <csignal>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>

#include <support/catch.hpp>

#include "program.hpp"
#include "quick.hpp"

using namespace sg::test;

namespace {

namespace fs = std::filesystem;

std::string make_fifo(const fs::path& path) {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    return path.string();
}

std::string bytes_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

bool empty_folder(const fs::path& folder) {
    return !fs::exists(folder) || fs::is_empty(folder);
}

}  // namespace

TEST_CASE("a pipe that nobody writes to yet does not hold up the other inputs") {
    const TempFolder folder;
    const auto film = make_clip(folder / "film.mp4", flash_and_beep(2)).string();
    const auto first = make_fifo(folder / "first.ts");
    const auto second = make_fifo(folder / "second.ts");
    Program program(quick_words(folder,
                                {first,
                                 second,
                                 film,
                                 "-o",
                                 (folder / "out").string(),
                                 "--jobs",
                                 "1",
                                 "--open-timeout",
                                 "200s"}));
    // No pipe has ended by then, or its event would have been the first to end an input.
    std::string ended;
    while (ended.empty()) {
        const auto line = program.line();
        REQUIRE(line);
        const auto event = nlohmann::json::parse(*line);
        const auto type = event.at("type").get<std::string>();
        if (type == "input.finished" || type == "input.failed")
            ended = type + " " + event.at("subject").get<std::string>();
    }
    CHECK(ended == "input.finished film");

    const auto ts = bytes_of(make_clip(folder / "film.ts", flash_and_beep(2)));
    for (const auto& pipe : {second, first}) std::ofstream(pipe, std::ios::binary) << ts;
    const auto rest = program.finish();
    INFO(rest.out << rest.err);
    CHECK(rest.exit_code == 0);
    CHECK(fs::exists(folder / "out" / "first" / "index.m3u8"));
    CHECK(fs::exists(folder / "out" / "second" / "index.m3u8"));
}

TEST_CASE("Ctrl-C while a pipe is silent stops and leaves nothing of it") {
    const TempFolder folder;
    const auto pipe = make_fifo(folder / "pipe.ts");
    Program program(
        quick_words(folder, {pipe, "-o", (folder / "out").string(), "--open-timeout", "600s"}));
    // The pipe has a reader from here on.
    std::ofstream writer(pipe, std::ios::binary);
    writer << "a few bytes" << std::flush;
    program.signal(SIGINT);
    const auto ended = program.finish();
    INFO(ended.out << ended.err);
    CHECK(ended.exit_code == 130);
    CHECK(ended.one("input.failed").at("code") == "cancelled");
    CHECK(empty_folder(folder / "out"));
}

TEST_CASE("a pipe that brings more than the preset allows is a clear error and leaves nothing") {
    const TempFolder folder;
    const auto pipe = make_fifo(folder / "pipe.ts");
    Program program(quick_words(
        folder, {pipe, "-o", (folder / "out").string(), "--set", "limits.spool=64KiB"}));
    std::signal(SIGPIPE, SIG_IGN);
    std::ofstream(pipe, std::ios::binary) << std::string(1 << 20, 'x');
    const auto ended = program.finish();
    INFO(ended.out << ended.err);
    CHECK(ended.exit_code == 3);
    const auto failed = ended.one("input.failed");
    CHECK(failed.at("code") == "limit");
    CHECK(failed.at("message").get<std::string>().find("65536 bytes") != std::string::npos);
    CHECK(empty_folder(folder / "out"));
}
