#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <media/rational.hpp>

namespace sg::ingest {

struct SpoolOptions {
    std::filesystem::path
        folder;  ///< where the copy goes; it has no name there and vanishes with its descriptor
    std::int64_t max_bytes = std::int64_t{64} << 30;
    std::chrono::milliseconds first_byte_timeout{
        10'000};  ///< how long a pipe may stay silent before its first byte
    std::chrono::milliseconds idle_timeout{60'000};  ///< and between two later ones
    media::Rational image_rate{25, 1};               ///< of image sequences
    std::int64_t max_images = 10'000'000;
    std::stop_token stop;
    std::function<void(std::int64_t bytes)> progress;  ///< about ten times a second
};

/// A source that can be read anywhere: the file itself, or a copy of what came through a pipe.
struct LocalSource {
    UniqueFd fd;
    std::string name;  ///< for messages and folder names
    bool spooled = false;
};

/// `uri`: a path, "-" for standard input, a named pipe, or an image pattern: "frames/%04d.png",
/// "shots/*.jpg". Errors: kNotFound, kPermission, kInvalidArgument (a folder, a device, a URL),
/// kTimeout (nobody writes), kLimit, kNoSpace, kCancelled.
[[nodiscard]] Result<LocalSource> open_local(const std::string& uri, const SpoolOptions& options);

/// Copies until the end of a pipe, socket or terminal.
[[nodiscard]] Result<LocalSource> spool_pipe(UniqueFd pipe,
                                             const std::string& name,
                                             const SpoolOptions& options);

/// True for "frames/%04d.png" and "shots/*.jpg": pictures with a number or wildcard in the name and
/// an image's ending.
[[nodiscard]] bool is_image_pattern(const std::string& uri);
/// Packs the pictures, as they are, into one Matroska file at SpoolOptions::image_rate.
[[nodiscard]] Result<LocalSource> spool_images(const std::string& pattern,
                                               const SpoolOptions& options);

}  // namespace sg::ingest
