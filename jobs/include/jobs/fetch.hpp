#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include <base/result.hpp>

namespace sg::jobs {

struct FetchProgress {
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> total;  ///< when the server says it
};

struct FetchOptions {
    std::uint64_t max_bytes = std::uint64_t{64} << 30;
    /// Also loopback, private, link-local and other addresses that are not on the public internet.
    bool allow_private_addresses = false;
    std::chrono::milliseconds connect{10'000};
    std::chrono::milliseconds silence{15'000};  ///< without a byte
    /// Connections that broke in a row without bringing a byte. One that brought some is resumed
    /// where it ended, when the server tells that the object is still the same (strong ETag).
    int attempts = 4;
    std::chrono::milliseconds pause{500};  ///< before the second of these; doubled each time
    /// At most four times a second, and at the end. On the thread of fetch().
    std::function<void(const FetchProgress&)> progress;
};

struct Fetched {
    std::uint64_t bytes = 0;
    std::string etag;  ///< as the server gave it; empty for none
    std::string url;   ///< where it was found, after redirects; printable: without secrets
    int resumed = 0;   ///< times that a broken connection was gone on from
};

/// Reads what is at an http or https `url` into `file`. While it runs the bytes are in
/// "<file>.part"; `file` appears, synced, only when all is there. A .part that an earlier process
/// left is gone on with when it carries the same strong ETag ("<file>.part.tag"), else replaced.
/// Blocks; `stop` ends it within 200 ms, keeping the part. kInvalidArgument (no http URL),
/// kPermission (its address is refused, or the server refuses), kNotFound, kLimit (too large),
/// kNoSpace (nothing is kept then), kTimeout, kIo (broken too often), kBadData (it is not as long
/// as the server said), kCancelled.
[[nodiscard]] Result<Fetched> fetch(const std::string& url,
                                    const std::filesystem::path& file,
                                    const FetchOptions& options,
                                    std::stop_token stop);

}  // namespace sg::jobs
