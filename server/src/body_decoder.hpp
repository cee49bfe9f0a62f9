#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sg::server {

/// The framing of a request's body (RFC 9112 §6.3, §7.1): a length, or chunks. Hostile bytes. Holds
/// none of them. Chunk extensions and trailers are read over, within limits.
class BodyDecoder {
  public:
    BodyDecoder() = default;  ///< no body
    [[nodiscard]] static BodyDecoder of_length(std::uint64_t bytes);
    [[nodiscard]] static BodyDecoder chunked();

    struct Step {
        enum class State { kBytes, kNeedMore, kEnd, kMalformed };
        State state = State::kEnd;
        std::size_t framing = 0;  ///< bytes of `input` in front of `bytes` that are done with
        std::string_view bytes;   ///< of the body, in `input`
    };
    /// `input` begins where the step before ended: after its `framing` and its `bytes`.
    [[nodiscard]] Step next(std::string_view input);

    [[nodiscard]] bool ended() const noexcept { return phase_ == Phase::kEnded; }
    /// What is still to come; nothing when only the end will tell.
    [[nodiscard]] std::optional<std::uint64_t> left() const noexcept;

  private:
    enum class Phase { kEnded, kLength, kSizeLine, kChunk, kChunkEnd, kTrailer, kBroken };

    [[nodiscard]] Step take(std::string_view input, std::size_t framing);
    [[nodiscard]] Step broken();
    /// The phase after a line, which comes without its CRLF; false when it is malformed.
    [[nodiscard]] bool size_line(std::string_view line);
    [[nodiscard]] bool trailer_line(std::string_view line);

    Phase phase_ = Phase::kEnded;
    std::uint64_t left_ = 0;  ///< of the body, or of the chunk
    std::size_t trailer_bytes_ = 0;
};

}  // namespace sg::server
