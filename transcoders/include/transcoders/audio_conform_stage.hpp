#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <base/result.hpp>
#include <pipeline/plan.hpp>
#include <pipeline/stage.hpp>

namespace sg::transcoders {

/// What was done to the sound so that it fits its timeline. Counts are samples of the output.
struct AudioRepairReport {
    std::int64_t silence_before = 0;  ///< the track starts late
    std::int64_t cut_before = 0;      ///< lies before presentation zero
    std::int64_t gaps = 0;
    std::int64_t silence_inserted = 0;  ///< in those gaps
    std::int64_t overlaps = 0;
    std::int64_t overlap_dropped = 0;
    std::int64_t stretched = 0;  ///< added (or, negative, taken) by correcting drift
    std::int64_t silence_after = 0;
    std::int64_t cut_after = 0;
    std::int64_t format_changes = 0;
};

struct AudioConformOptions {
    int sample_rate = 48000;
    std::string channel_layout = "stereo";
    std::string sample_format = "fltp";
    /// Exactly so many come out, the first at presentation zero; negative: as many as came (live).
    std::int64_t samples = 0;
    /// Drift is corrected by at most one sample in so many.
    int stretch_one_in = 200;
    AudioRepairReport* report = nullptr;  ///< borrowed, may be null
    std::string name;                     ///< of the rendition, for errors
};
/// Of an encoded rendition; the sample format is the encoder's.
[[nodiscard]] Result<AudioConformOptions> audio_conform_options(
    const pipeline::AudioRendition& rendition);

/// Decoded sound at presentation times (nanoseconds) to one unbroken run of samples; frames go out
/// with pts in samples from zero. Late starts and gaps become silence, what lies before zero or
/// overlaps is cut, jitter is let be and drift is corrected by stretching at most 0.5 %. Downmixes
/// are scaled so that they cannot clip (ATSC A/52 section 7.8). After the last sample it sends
/// EndOfStream and returns kDone. Errors: kBadData when nothing could be decoded.
///
/// A second input, of live channels, is a clock: packets whose pts (nanoseconds) says how far time
/// has come although no sound has. Silence fills in until then.
class AudioConformStage final : public pipeline::Stage {
  public:
    static constexpr int kClockPort = 1;

    [[nodiscard]] static Result<std::unique_ptr<AudioConformStage>> create(
        AudioConformOptions options);
    ~AudioConformStage() override;

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    struct State;
    explicit AudioConformStage(std::unique_ptr<State> state);

    [[nodiscard]] Result<pipeline::Flow> take(media::Frame frame, pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> tick(const pipeline::Item& item, pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> start_run(std::int64_t at, pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> end_run(pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> convert(const media::Frame* frame, pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> place(media::Frame frame, pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> silence_until(std::int64_t at, pipeline::Emit& out);
    [[nodiscard]] Status correct_drift(std::int64_t deviation, std::int64_t samples);

    std::unique_ptr<State> state_;
};

}  // namespace sg::transcoders
