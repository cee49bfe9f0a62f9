#pragma once

#include <cstddef>
#include <cstdint>

#include <media/timestamp.hpp>

struct AVFrame;

namespace sg::media {

/// One decoded picture or run of audio samples: a move-only handle on a reference-counted libav
/// frame. One owner at a time; the payload is immutable once share() was called.
class Frame {
  public:
    Frame();                         ///< empty, ready to be filled through native()
    explicit Frame(AVFrame* frame);  ///< takes ownership
    ~Frame();
    Frame(Frame&&) noexcept;
    Frame& operator=(Frame&&) noexcept;
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

    /// Another handle on the same payload.
    [[nodiscard]] Frame share() const;

    [[nodiscard]] AVFrame* native() const { return frame_; }
    /// In the timebase of the stream's StreamInfo; kNoTime when unknown.
    [[nodiscard]] std::int64_t pts() const;
    void set_pts(std::int64_t pts);
    [[nodiscard]] int width() const;
    [[nodiscard]] int height() const;
    [[nodiscard]] int samples() const;        ///< per channel, audio
    [[nodiscard]] std::size_t bytes() const;  ///< of the payload buffers, for edge limits

  private:
    AVFrame* frame_ = nullptr;
};

}  // namespace sg::media
