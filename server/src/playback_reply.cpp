#include "playback_reply.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <server/range_header.hpp>

#include "signed_uris.hpp"

namespace sg::server {
namespace {

using live::ResourceKind;

constexpr std::size_t kLeastWorthCompressing = 300;

bool is_text(ResourceKind kind) {
    return kind == ResourceKind::kPlaylist || kind == ResourceKind::kManifest;
}

std::string cache_control(const live::Resource& resource, bool by_cookie) {
    if (resource.max_age.count() <= 0) return by_cookie ? "private, no-cache" : "no-cache";
    return fmt::format("{}, max-age={}{}",
                       by_cookie ? "private" : "public",
                       resource.max_age.count(),
                       is_text(resource.kind) ? "" : ", immutable");
}

std::vector<BodyPiece> pieces_of(const live::Resource& resource) {
    std::vector<BodyPiece> out;
    out.reserve(resource.pieces.size() + 1);
    for (const auto& piece : resource.pieces) out.push_back(BodyPiece::of(piece));
    return out;
}

std::vector<BodyPiece> cut_out(std::vector<BodyPiece> pieces, const ByteRange& range) {
    std::vector<BodyPiece> out;
    std::uint64_t skip = range.first;
    std::uint64_t left = range.bytes;
    for (auto& piece : pieces) {
        const auto before = std::min(skip, piece.bytes);
        skip -= before;
        const auto bytes = std::min(piece.bytes - before, left);
        if (bytes == 0) continue;
        left -= bytes;
        piece.bytes = bytes;
        if (piece.file) {
            piece.offset += before;
        } else {
            piece.data += before;
        }
        out.push_back(std::move(piece));
    }
    return out;
}

/// Playlists are held in memory, in one piece as a rule.
std::string joined_text(const live::Resource& resource) {
    std::string out;
    for (const auto& piece : resource.pieces) {
        if (!piece.memory) continue;
        out.append(reinterpret_cast<const char*>(piece.memory->data() + piece.offset), piece.bytes);
    }
    return out;
}

/// Text bodies: signed, then compressed.
void encode_text(const live::Resource& resource,
                 const ReplyContext& context,
                 std::string& etag,
                 Response& response) {
    std::string text;
    std::string key = context.encoding_key;
    if (!context.signature.empty()) {
        text = resource.kind == ResourceKind::kManifest
                   ? sign_manifest_uris(joined_text(resource), context.signature)
                   : sign_playlist_uris(joined_text(resource), context.signature);
        if (!etag.empty())
            etag.append("-").append(context.signature.substr(context.signature.size() - 16));
    }
    response.add("Vary", "Accept-Encoding");
    const bool compress = response.body_bytes() >= kLeastWorthCompressing && !etag.empty() &&
                          accepts_gzip(context.request.field("accept-encoding"));
    if (!compress) {
        if (!text.empty()) {
            response.body = {BodyPiece::of(std::make_shared<const std::string>(std::move(text)))};
        }
        return;
    }
    key.append("\n").append(etag);
    if (text.empty()) text = joined_text(resource);
    const auto encoded = context.encodings.gzipped(key, text);
    if (encoded->empty()) return;
    response.add("Content-Encoding", "gzip");
    response.body = {BodyPiece::of(encoded)};
    etag += "-gz";
}

}  // namespace

Response growing_head(const live::Resource& resource, bool by_cookie) {
    Response response;
    response.add("Content-Type", resource.content_type);
    response.add("Cache-Control", cache_control(resource, by_cookie));
    return response;
}

Response reply_with(live::Resource resource, const ReplyContext& context) {
    Response response;
    response.add("Content-Type", resource.content_type);
    response.add("Cache-Control", cache_control(resource, context.by_cookie));
    response.body = pieces_of(resource);
    auto etag = resource.etag;
    const bool text = is_text(resource.kind);
    if (text) encode_text(resource, context, etag, response);
    if (!etag.empty()) response.add("ETag", fmt::format("\"{}\"", etag));
    if (!etag.empty() && has_etag(context.request.field("if-none-match"), etag)) {
        response.status = 304;
        response.body.clear();
        return response;
    }
    if (text) return response;
    response.add("Accept-Ranges", "bytes");
    const auto range_field = context.request.field("range");
    if (range_field.empty() || context.request.method != Method::kGet) return response;
    const auto condition = context.request.field("if-range");
    if (!condition.empty() &&
        (etag.empty() || condition.starts_with("W/") || !has_etag(condition, etag))) {
        return response;
    }
    const auto size = response.body_bytes();
    const auto range = parse_range(range_field, size);
    if (range.kind == ByteRange::Kind::kUnsatisfiable) {
        auto refused = Response::error(416, "bad_range", "the object has no bytes in this range");
        refused.add("Content-Range", fmt::format("bytes */{}", size));
        return refused;
    }
    if (range.kind == ByteRange::Kind::kPart) {
        response.status = 206;
        response.add(
            "Content-Range",
            fmt::format("bytes {}-{}/{}", range.first, range.first + range.bytes - 1, size));
        response.body = cut_out(std::move(response.body), range);
    }
    return response;
}

}  // namespace sg::server
