#include "sample_cleaner.hpp"

#include <algorithm>
#include <string>

#include <formats/av1.hpp>
#include <formats/nal.hpp>
#include <packagers/copied_track.hpp>

namespace sg::packagers {

namespace {

using formats::Codec;
using formats::CodecConfig;
using Bytes = std::span<const std::byte>;

enum class NalFate { kKeep, kDrop, kParameterSet };

NalFate h264_fate(Bytes nal) {
    switch (formats::h264_nal_type(nal)) {
        case 7:   // SPS
        case 8:   // PPS
        case 13:  // SPS extension
            return NalFate::kParameterSet;
        case 9:   // access unit delimiter
        case 10:  // end of sequence
        case 11:  // end of stream
        case 12:  // filler
            return NalFate::kDrop;
        default:
            return NalFate::kKeep;
    }
}

NalFate hevc_fate(Bytes nal) {
    const unsigned type = formats::hevc_nal_type(nal);
    if (type >= 32 && type <= 34) return NalFate::kParameterSet;
    // Access unit delimiter, end of sequence, end of bitstream, filler.
    return type >= 35 && type <= 38 ? NalFate::kDrop : NalFate::kKeep;
}

Error differing_parameters(Codec codec) {
    return Error{
        Errc::kMismatch,
        std::string("write ") + formats::codec_name(codec) +
            " sample: its parameter sets differ from the init segment's; the stream changes "
            "on the way and must be encoded, not copied"};
}

bool is_known_set(const CodecConfig& codec, Bytes nal) {
    return std::ranges::any_of(codec.parameter_sets,
                               [&](const auto& set) { return std::ranges::equal(set, nal); });
}

bool append_with_length(Bytes nal, unsigned length_size, std::vector<std::byte>& out) {
    if (length_size < 4 && nal.size() >> (8 * length_size) != 0) return false;
    if (length_size == 4) return formats::append_length_prefixed(nal, out);
    for (unsigned i = length_size; i > 0; --i) {
        out.push_back(static_cast<std::byte>(nal.size() >> (8 * (i - 1))));
    }
    out.insert(out.end(), nal.begin(), nal.end());
    return true;
}

/// Calls `keep(nal)` for each unit that stays.
template <class Nals, class Keep>
Status each_kept_nal(const CodecConfig& codec, Nals& nals, Keep keep) {
    bool any = false;
    Bytes nal;
    while (nals.next(nal)) {
        const NalFate fate = codec.codec == Codec::kH264 ? h264_fate(nal) : hevc_fate(nal);
        if (fate == NalFate::kDrop) continue;
        if (fate == NalFate::kParameterSet) {
            if (!is_known_set(codec, nal)) return differing_parameters(codec.codec);
            continue;
        }
        if (!keep(nal)) {
            return Error{Errc::kLimit, "write sample: a NAL unit is too long for its length field"};
        }
        any = true;
    }
    if (!any) {
        return Error{Errc::kBadData,
                     std::string("write ") + formats::codec_name(codec.codec) +
                         " sample: it holds no picture"};
    }
    return {};
}

template <class Keep>
Status each_kept_nal(const CodecConfig& codec, bool annex_b, Bytes data, Keep keep) {
    if (annex_b) {
        formats::AnnexBNals nals(data);
        return each_kept_nal(codec, nals, keep);
    }
    formats::LengthPrefixedNals nals(data, codec.nal_length_size);
    SG_TRY(each_kept_nal(codec, nals, keep));
    if (nals.damaged()) {
        return Error{Errc::kBadData,
                     std::string("write ") + formats::codec_name(codec.codec) +
                         " sample: a NAL unit runs past the end of the sample"};
    }
    return {};
}

template <class Keep>
Status each_kept_obu(const CodecConfig& codec, Bytes data, Keep keep) {
    formats::Obus obus(data);
    formats::Obu obu;
    while (obus.next(obu)) {
        if (obu.type == formats::kObuTemporalDelimiter || obu.type == formats::kObuPadding) {
            continue;
        }
        if (obu.type == formats::kObuSequenceHeader && !codec.parameter_sets.empty()) {
            formats::Obus known_obus(codec.parameter_sets.front());
            formats::Obu known;
            if (!known_obus.next(known) || !std::ranges::equal(known.payload, obu.payload)) {
                return differing_parameters(codec.codec);
            }
        }
        keep(obu.whole);
    }
    if (obus.damaged()) {
        return Error{Errc::kBadData, "write AV1 sample: an OBU runs past the end of the sample"};
    }
    return {};
}

}  // namespace

Status append_clean_sample(const CodecConfig& codec,
                           bool annex_b,
                           Bytes data,
                           std::vector<std::byte>& out) {
    switch (codec.codec) {
        case Codec::kH264:
        case Codec::kHevc:
            return each_kept_nal(codec, annex_b, data, [&](Bytes nal) {
                return append_with_length(nal, codec.nal_length_size, out);
            });
        case Codec::kAv1:
            return each_kept_obu(
                codec, data, [&](Bytes obu) { out.insert(out.end(), obu.begin(), obu.end()); });
        default:
            out.insert(out.end(), data.begin(), data.end());
            return {};
    }
}

Result<std::size_t> clean_sample_size(const CodecConfig& codec, bool annex_b, Bytes data) {
    std::size_t size = 0;
    switch (codec.codec) {
        case Codec::kH264:
        case Codec::kHevc:
            SG_TRY(each_kept_nal(codec, annex_b, data, [&](Bytes nal) {
                size += codec.nal_length_size + nal.size();
                return codec.nal_length_size >= 4 || nal.size() >> (8 * codec.nal_length_size) == 0;
            }));
            return size;
        case Codec::kAv1:
            SG_TRY(each_kept_obu(codec, data, [&](Bytes obu) { size += obu.size(); }));
            return size;
        default:
            return data.size();
    }
}

bool is_clean_sample(Codec codec, unsigned nal_length_size, Bytes data) {
    if (codec == Codec::kAv1) return false;
    if (codec != Codec::kH264 && codec != Codec::kHevc) return true;
    formats::LengthPrefixedNals nals(data, nal_length_size);
    std::size_t kept = 0;
    Bytes nal;
    while (nals.next(nal)) {
        const NalFate fate = codec == Codec::kH264 ? h264_fate(nal) : hevc_fate(nal);
        if (fate != NalFate::kKeep) return false;
        kept += nal_length_size + nal.size();
    }
    // Less is kept when empty units lie between.
    return !nals.damaged() && kept == data.size();
}

}  // namespace sg::packagers
