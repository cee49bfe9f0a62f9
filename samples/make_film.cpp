#include <charconv>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include <unistd.h>

#include <fmt/format.h>

#include <base/result.hpp>

#include "src/film_writer.hpp"

namespace {

using sg::Errc;
using sg::Error;
using sg::Result;

constexpr std::string_view kUsage =
    R"(Makes a film to try things on: a moving picture with frame number and clock, a beep and a white
picture at each full second; H.264 and AAC in MP4.

Usage: streamgate-sample [--seconds N] [--size WxH] [--rate N[/D]] [OUT]
  --seconds N    length (default: 24)
  --size WxH     even numbers (default: 1920x1080)
  --rate N[/D]   frames per second (default: 30)
  OUT            file to write (default: sample.mp4)
)";

struct Options {
    sg::samples::FilmFormat format;
    std::string out = "sample.mp4";
    bool help = false;
};

// "1920x1080" with separator 'x', "30000/1001" with '/'.
bool read_pair(std::string_view text, char separator, int& first, int& second) {
    const auto* end = text.data() + text.size();
    const auto [middle, error] = std::from_chars(text.data(), end, first);
    if (error != std::errc()) return false;
    if (middle == end) return true;
    if (*middle != separator) return false;
    const auto [rest, second_error] = std::from_chars(middle + 1, end, second);
    return second_error == std::errc() && rest == end;
}

Result<Options> read_options(int argc, char** argv) {
    Options options;
    auto& format = options.format;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--help" || word == "-h") {
            options.help = true;
            return options;
        }
        if (!word.starts_with("-")) {
            options.out = word;
            continue;
        }
        if (i + 1 == argc)
            return Error{Errc::kInvalidArgument, fmt::format("{} needs a value", word)};
        const std::string_view value = argv[++i];
        int none = 1;
        bool good = false;
        if (word == "--seconds") {
            good = read_pair(value, 's', format.seconds, none) && format.seconds >= 1 &&
                   format.seconds <= 86'400;
        } else if (word == "--size") {
            good = read_pair(value, 'x', format.width, format.height) && format.width % 2 == 0 &&
                   format.height % 2 == 0 && format.width >= 64 && format.height >= 64 &&
                   format.width <= 8192 && format.height <= 8192;
        } else if (word == "--rate") {
            format.rate_den = 1;
            good = read_pair(value, '/', format.rate_num, format.rate_den) &&
                   format.rate_den >= 1 && format.rate_den <= 1001 &&
                   format.rate_num >= format.rate_den && format.rate_num / format.rate_den <= 240;
        }
        if (!good)
            return Error{Errc::kInvalidArgument,
                         fmt::format("'{} {}' is not understood; see --help", word, value)};
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    const auto options = read_options(argc, argv);
    if (!options) {
        fmt::print(stderr, "streamgate-sample: {}\n", options.error().message);
        return 2;
    }
    if (options->help) {
        fmt::print("{}", kUsage);
        return 0;
    }
    const bool live = ::isatty(STDERR_FILENO) == 1;
    // A half-written film must not be taken for a whole one by the next run.
    const auto partial = options->out + ".part";
    const auto written = sg::samples::write_film(options->format, partial, [live](double fraction) {
        if (live) fmt::print(stderr, "\rmaking the film: {:3.0f} %", fraction * 100);
    });
    if (live) fmt::print(stderr, "\r\x1b[K");
    std::error_code failed;
    if (!written) {
        fmt::print(stderr, "streamgate-sample: {}\n", written.error().message);
        std::filesystem::remove(partial, failed);
        return 1;
    }
    std::filesystem::rename(partial, options->out, failed);
    if (failed) {
        fmt::print(stderr, "streamgate-sample: rename {}: {}\n", partial, failed.message());
        return 1;
    }
    return 0;
}
