#pragma once

#include <base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace sg::engine {

struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;

    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

inline constexpr std::size_t kMaxManifestBytes = std::size_t{32} << 20;
inline constexpr std::size_t kMaxInitBytes = std::size_t{4} << 20;
inline constexpr std::size_t kMaxSegmentBytes = std::size_t{256} << 20;

/// Gets the objects of a presentation by name (verify_names.hpp). Thread-safe.
class Fetcher {
  public:
    virtual ~Fetcher() = default;

    /// The URL of where everything lies, with a slash at its end; empty for a local folder.
    [[nodiscard]] virtual const std::string& root() const = 0;
    /// Replaces `out`. kNotFound, kLimit (over `max_bytes`), kTimeout, kCancelled, kIo; kMismatch when a range goes past the object's end.
    [[nodiscard]] virtual Status read(const std::string& name, std::optional<ByteRange> range, std::size_t max_bytes, std::vector<std::byte>& out) const = 0;
    /// Names of the regular files in a folder; nothing where that cannot be known.
    [[nodiscard]] virtual std::optional<std::vector<std::string>> list(const std::string& folder) const = 0;
};

struct Opened {
    std::unique_ptr<Fetcher> fetcher;
    std::vector<std::string> manifests;  ///< names of those that were found or given
};

/// A folder, the path of a manifest, or an http(s) URL of either. kNotFound when there is no manifest.
[[nodiscard]] Result<Opened> open_location(const std::string& location, std::stop_token stop);

}  // namespace sg::engine
