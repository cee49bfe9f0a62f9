#pragma once

#include <string>

#include <base/result.hpp>
#include <media/frame.hpp>
#include <media_av/ptrs.hpp>

namespace sg::transcoders {

struct AudioFormat {
    int sample_rate = 0;
    std::string channel_layout;
    std::string sample_format;

    friend bool operator==(const AudioFormat&, const AudioFormat&) = default;
};

/// Rate, layout and sample format conversion of one unbroken run of samples: the first sample that
/// goes in is the first that comes out.
class AudioResampler {
  public:
    [[nodiscard]] static Result<AudioResampler> create(const AudioFormat& from,
                                                       const AudioFormat& to);

    /// All that is ready, perhaps nothing (zero samples). A null frame drains.
    [[nodiscard]] Result<media::Frame> convert(const AVFrame* frame);
    /// Samples of the output rate that are still inside.
    [[nodiscard]] std::int64_t inside() const;
    /// Stretches (or, negative, shrinks) the next `distance` output samples by `samples`.
    [[nodiscard]] Status stretch(int samples, int distance);

  private:
    AudioResampler() = default;

    av::ResamplerPtr context_;
    AudioFormat to_;
    bool started_ = false;
};

/// An empty frame of `samples` samples, to be filled or, with `silent`, already silent.
[[nodiscard]] Result<media::Frame> audio_frame(const AudioFormat& format, int samples, bool silent);

}  // namespace sg::transcoders
