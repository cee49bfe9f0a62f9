#pragma once

#include <optional>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <media/frame.hpp>
#include <media/rational.hpp>
#include <media_av/ptrs.hpp>
#include <pipeline/plan.hpp>

namespace sg::transcoders {

/// One libavfilter chain, one picture stream in and out, on one thread, with bit-exact conversions.
class FilterChain {
  public:
    /// Set up for frames like `first`, whose times are in `timebase`; so are the times of what
    /// comes out.
    [[nodiscard]] static Result<FilterChain> create(const std::string& description,
                                                    const AVFrame& first,
                                                    media::Timebase timebase,
                                                    media::Rational frame_rate);
    [[nodiscard]] Status send(media::Frame frame);
    /// No more input: what is held inside comes out of receive().
    [[nodiscard]] Status finish();
    /// Nothing when more input is needed or, after finish(), at the end.
    [[nodiscard]] Result<std::optional<media::Frame>> receive();

  private:
    FilterChain() = default;

    av::FilterGraphPtr graph_;
    AVFilterContext* source_ = nullptr;
    AVFilterContext* sink_ = nullptr;
    std::string description_;
    media::Timebase timebase_;
};

/// "name=args,name=args".
[[nodiscard]] std::string chain_description(const std::vector<pipeline::FilterStep>& steps);

/// swscale flags with which its results do not depend on the processor.
inline constexpr const char* kExactScale = "bicubic+accurate_rnd+full_chroma_int+bitexact";

}  // namespace sg::transcoders
