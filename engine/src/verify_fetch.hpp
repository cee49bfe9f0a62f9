#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <base/result.hpp>

namespace sg::engine {

struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;

    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

inline constexpr std::size_t kMaxManifestBytes = std::size_t{32} << 20;
inline constexpr std::size_t kMaxInitBytes = std::size_t{4} << 20;
inline constexpr std::size_t kMaxSegmentBytes = std::size_t{4} << 30;

/// An object's bytes: held in memory, or a mapped file of which only what is looked at is read.
class ObjectBytes {
  public:
    ObjectBytes() = default;
    ~ObjectBytes() { clear(); }
    ObjectBytes(const ObjectBytes&) = delete;
    ObjectBytes& operator=(const ObjectBytes&) = delete;

    [[nodiscard]] std::span<const std::byte> span() const { return view_; }
    [[nodiscard]] std::string_view text() const {
        return {reinterpret_cast<const char*>(view_.data()), view_.size()};
    }

    void hold(std::vector<std::byte> bytes);
    /// False where the file system cannot map; the object is then empty.
    [[nodiscard]] bool map(int fd, const ByteRange& range);

  private:
    void clear();

    std::vector<std::byte> held_;
    void* mapping_ = nullptr;
    std::size_t mapped_bytes_ = 0;
    std::span<const std::byte> view_;
};

/// Gets the objects of a presentation by name (verify_names.hpp). Thread-safe.
class Fetcher {
  public:
    virtual ~Fetcher() = default;

    /// The URL of where everything lies, with a slash at its end; empty for a local folder.
    [[nodiscard]] virtual const std::string& root() const = 0;
    /// Replaces `out`. kNotFound, kLimit (over `max_bytes`), kTimeout, kCancelled, kIo; kMismatch
    /// when a range goes past the object's end.
    [[nodiscard]] virtual Status read(const std::string& name,
                                      std::optional<ByteRange> range,
                                      std::size_t max_bytes,
                                      ObjectBytes& out) const = 0;
    /// What URIs in the manifest `name` are relative to: where it was found, after redirects
    /// (RFC 3986 section 5.1.3).
    [[nodiscard]] virtual std::string base_of(const std::string& name) const = 0;
    /// Names of the regular files in a folder; nothing where that cannot be known.
    [[nodiscard]] virtual std::optional<std::vector<std::string>> list(
        const std::string& folder) const = 0;
};

struct Opened {
    std::unique_ptr<Fetcher> fetcher;
    std::vector<std::string> manifests;  ///< names of those that were found or given
};

class HttpGetter;

/// A folder, the path of a manifest, or an http(s) URL of either. kNotFound when there is no
/// manifest.
[[nodiscard]] Result<Opened> open_location(const std::string& location,
                                           std::unique_ptr<HttpGetter> getter,
                                           std::stop_token stop);

}  // namespace sg::engine
