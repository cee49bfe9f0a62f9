#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <live/playback.hpp>

namespace sg::server {

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };

[[nodiscard]] std::string_view method_name(Method method) noexcept;

/// One request (RFC 9112). Filled by the connection.
struct Request {
    struct Field {
        std::string name;  ///< lower case
        std::string value;
    };
    Method method = Method::kOther;
    /// Percent-decoded, begins with "/", without "." and ".." segments, empty inner segments and
    /// control characters.
    std::string path;
    std::string query;  ///< as it came, without "?"
    std::vector<Field> fields;
    std::string body;
    std::string client;  ///< address of the viewer, from X-Forwarded-For behind a trusted proxy
    int minor_version = 1;
    bool keep_alive = true;
    bool secure = false;  ///< over TLS of ours

    /// The first field of this lower-case name; empty when there is none.
    [[nodiscard]] std::string_view field(std::string_view name) const noexcept;
};

/// A run of bytes to send: of memory that `owner` keeps, or of a stored file.
struct BodyPiece {
    std::shared_ptr<const void> owner;
    const std::byte* data = nullptr;
    std::shared_ptr<const live::StoredFile> file;
    std::uint64_t offset = 0;  ///< in `file`
    std::uint64_t bytes = 0;

    [[nodiscard]] static BodyPiece of(const live::MediaBytes& media);
    [[nodiscard]] static BodyPiece of(std::shared_ptr<const std::string> text);
    [[nodiscard]] static BodyPiece of_static(std::string_view text);
};

struct Response {
    int status = 200;
    std::string fields;  ///< lines of the header, each ended by CRLF
    std::vector<BodyPiece> body;

    /// Control characters of `value` are left out: no value can begin a line.
    void add(std::string_view name, std::string_view value);
    [[nodiscard]] std::uint64_t body_bytes() const noexcept;

    [[nodiscard]] static Response text(int status, std::string_view content_type, std::string body);
    /// A problem (RFC 9457), never cached. Both are plain words without quotes or backslashes.
    [[nodiscard]] static Response error(int status,
                                        std::string_view code,
                                        std::string_view message);
};

[[nodiscard]] std::string_view status_text(int status) noexcept;

/// RFC 9110 §5.6.7, "Sun, 06 Nov 1994 08:49:37 GMT".
[[nodiscard]] std::string http_date(std::int64_t unix_seconds);

}  // namespace sg::server
