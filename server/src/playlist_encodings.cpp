#include "playlist_encodings.hpp"

#include <utility>

#include <zlib.h>

#include <server/gzip.hpp>

namespace sg::server {

std::string gzip(std::string_view text) {
    z_stream stream{};
    constexpr int kGzipWindow = 15 + 16;
    constexpr int kLevel = 5;
    constexpr int kMemory = 8;
    if (deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        return {};
    }
    std::string out(deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = deflate(&stream, Z_FINISH);
    out.resize(result == Z_STREAM_END ? stream.total_out : 0);
    deflateEnd(&stream);
    out.shrink_to_fit();
    return out;
}

std::shared_ptr<const std::string> PlaylistEncodings::gzipped(const std::string& key,
                                                              std::string_view text) {
    if (const auto found = index_.find(key); found != index_.end()) {
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->second;
    }
    auto encoded = std::make_shared<const std::string>(gzip(text));
    entries_.emplace_front(key, encoded);
    index_[key] = entries_.begin();
    bytes_ += key.size() + encoded->size();
    while (entries_.size() > 1 && (entries_.size() > kMaxEntries || bytes_ > kMaxBytes)) {
        const auto& oldest = entries_.back();
        bytes_ -= oldest.first.size() + oldest.second->size();
        index_.erase(oldest.first);
        entries_.pop_back();
    }
    return encoded;
}

}  // namespace sg::server
