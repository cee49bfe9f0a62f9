#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sg::server {

/// Compressed playlists of one context: each state of a playlist is compressed once, not once a
/// viewer. Not thread-safe.
class PlaylistEncodings {
  public:
    /// `key` names exactly these bytes (path and strong validator).
    [[nodiscard]] std::shared_ptr<const std::string> gzipped(const std::string& key,
                                                             std::string_view text);

  private:
    static constexpr std::size_t kMaxEntries = 256;
    static constexpr std::size_t kMaxBytes = 4U << 20U;

    using Entry = std::pair<std::string, std::shared_ptr<const std::string>>;
    std::list<Entry> entries_;  ///< newest first
    std::unordered_map<std::string, std::list<Entry>::iterator> index_;
    std::size_t bytes_ = 0;
};

}  // namespace sg::server
