#include "clip_silence.hpp"

#include <formats/bmff_writer.hpp>
#include <formats/silent_frame.hpp>

namespace sg::live {

bool can_be_silent(const packagers::TrackDescription& description) {
    return description.codecs == "mp4a.40.2" &&
           !formats::silent_aac_lc(description.channels).empty();
}

Result<std::vector<std::byte>> silent_segment(const packagers::TrackDescription& description,
                                              std::uint64_t decode_time,
                                              std::uint32_t frames,
                                              std::uint32_t& sequence) {
    const auto frame = formats::silent_aac_lc(description.channels);
    const std::vector<formats::FragmentSample> samples(frames,
                                                       {static_cast<std::uint32_t>(frame.size()),
                                                        static_cast<std::uint32_t>(kSilentFrame),
                                                        0,
                                                        true});
    formats::Fragment fragment;
    fragment.sequence = ++sequence;
    fragment.decode_time = decode_time;
    fragment.samples = samples;
    std::vector<std::byte> out;
    formats::append_segment_type(out);
    SG_TRY(formats::append_fragment_header(fragment, out));
    for (std::uint32_t i = 0; i < frames; ++i) out.insert(out.end(), frame.begin(), frame.end());
    return out;
}

}  // namespace sg::live
