#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <media/timestamp.hpp>

struct AVPacket;

namespace sg::media {

/// One coded picture or audio frame: a move-only handle on a reference-counted libav packet.
/// One owner at a time; the payload is immutable once share() was called.
class Packet {
  public:
    Packet();                           ///< empty, ready to be filled through native()
    explicit Packet(AVPacket* packet);  ///< takes ownership
    ~Packet();
    Packet(Packet&&) noexcept;
    Packet& operator=(Packet&&) noexcept;
    Packet(const Packet&) = delete;
    Packet& operator=(const Packet&) = delete;

    /// Another handle on the same payload.
    [[nodiscard]] Packet share() const;

    [[nodiscard]] AVPacket* native() const { return packet_; }
    [[nodiscard]] std::span<const std::byte> data() const;
    [[nodiscard]] std::size_t bytes() const { return data().size(); }
    /// Times are in the timebase of the stream's StreamInfo; kNoTime when unknown.
    [[nodiscard]] std::int64_t pts() const;
    [[nodiscard]] std::int64_t dts() const;
    [[nodiscard]] std::int64_t duration() const;  ///< 0 when unknown
    [[nodiscard]] int stream() const;
    [[nodiscard]] bool key() const;
    [[nodiscard]] std::int64_t position() const;  ///< byte offset in the source, -1 when unknown

  private:
    AVPacket* packet_ = nullptr;
};

}  // namespace sg::media
