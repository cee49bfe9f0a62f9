#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace sg::api {

inline constexpr std::string_view kTusVersion = "1.0.0";

/// Upload-Length, Upload-Offset: digits only, at most 2^62. Hostile text.
[[nodiscard]] std::optional<std::uint64_t> parse_tus_number(std::string_view text);

/// Upload-Metadata: "name BASE64,name BASE64". Nothing for a malformed one: names are ASCII without
/// spaces and commas and come once; at most 4 KiB and 32 entries. Hostile text.
using TusMetadata = std::map<std::string, std::string, std::less<>>;
[[nodiscard]] std::optional<TusMetadata> parse_tus_metadata(std::string_view text);

struct TusChecksum {
    enum class Algorithm { kSha1, kSha256 };
    Algorithm algorithm = Algorithm::kSha256;
    std::string digest;  ///< bytes
};
inline constexpr std::string_view kTusAlgorithms = "sha1,sha256";
/// Upload-Checksum: "sha256 BASE64". Nothing for a malformed or unknown one. Hostile text.
[[nodiscard]] std::optional<TusChecksum> parse_tus_checksum(std::string_view text);

/// 64 hex digits in lower case, from the same in any case; nothing for others.
[[nodiscard]] std::optional<std::string> parse_sha256_hex(std::string_view text);
/// The sha-256 member of Content-Digest or Repr-Digest (RFC 9530 §2): "sha-256=:BASE64:". As hex.
[[nodiscard]] std::optional<std::string> parse_digest_field(std::string_view text);

/// A file's name for people, without folders: the last part; empty when nothing is left.
[[nodiscard]] std::string plain_file_name(std::string_view text);

}  // namespace sg::api
