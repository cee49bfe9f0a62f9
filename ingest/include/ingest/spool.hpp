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
    /// About ten times a second, also while a pipe is silent.
    std::function<void(std::int64_t bytes)> progress;
};

/// A source that can be read anywhere: the file itself, or a copy of what came through a pipe.
struct LocalSource {
    UniqueFd fd;
    std::string name;  ///< for messages and folder names
    bool spooled = false;
};

enum class InputKind {
    kFile,    ///< can be read anywhere
    kPipe,    ///< its bytes come once: copy_pipe()
    kImages,  ///< a pattern: pack_images()
};

/// An input of which nothing was read yet.
struct LocalInput {
    InputKind kind = InputKind::kFile;
    UniqueFd fd;       ///< none for kImages
    std::string name;  ///< for messages and folder names
};

/// `uri`: a path, "-" for standard input, a named pipe, or an image pattern: "frames/%04d.png",
/// "shots/*.jpg". Does not wait. Errors: kNotFound, kPermission, kInvalidArgument (a folder, a
/// device, a URL).
[[nodiscard]] Result<LocalInput> open_input(const std::string& uri);

/// A file without a name, gone when its last descriptor closes.
[[nodiscard]] Result<UniqueFd> temporary_file(const std::filesystem::path& folder);

/// Copies until the end of a pipe or socket. Errors: kTimeout (nobody writes), kLimit, kNoSpace,
/// kBadData (no byte came), kCancelled.
[[nodiscard]] Status copy_pipe(int pipe,
                               int to,
                               const std::string& name,
                               const SpoolOptions& options);

/// True for "frames/%04d.png" and "shots/*.jpg": pictures with a number or wildcard in the name and
/// an image's ending.
[[nodiscard]] bool is_image_pattern(const std::string& uri);
/// Packs the pictures, as they are, into one Matroska file at SpoolOptions::image_rate.
[[nodiscard]] Status pack_images(const std::string& pattern, int to, const SpoolOptions& options);

/// open_input(), and a copy in SpoolOptions::folder where one is needed. Waits for it.
[[nodiscard]] Result<LocalSource> open_local(const std::string& uri, const SpoolOptions& options);

}  // namespace sg::ingest
