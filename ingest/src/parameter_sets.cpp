#include "parameter_sets.hpp"

#include <algorithm>
#include <iterator>

#include <formats/bit_reader.hpp>
#include <formats/h264.hpp>
#include <formats/hevc.hpp>

namespace sg::ingest {

namespace {

using formats::NalCodec;
using Bytes = std::span<const std::byte>;

constexpr std::size_t kMaxBytes = std::size_t{64} << 10U;
constexpr std::size_t kMaxSets = 64;
/// Of a set that breaks its rules: whoever makes a configuration of it says so.
constexpr unsigned kNoNumber = ~0U;
/// The number of a picture parameter set is within so many bytes.
constexpr std::size_t kNumberBytes = 8;

unsigned leading_number(Bytes payload) {
    const std::vector<std::byte> front =
        formats::unescape_nal(payload.first(std::min(payload.size(), kNumberBytes)));
    formats::BitReader bits(front);
    const unsigned number = bits.ue();
    return bits.ok() ? number : kNoNumber;
}

}  // namespace

bool ParameterSets::read(Bytes nal, Set& set) const {
    if (nal.size() < 3 || nal.size() > kMaxBytes) return false;
    if (codec_ == NalCodec::kH264) {
        const unsigned type = formats::h264_nal_type(nal);
        if (type != 7 && type != 8) return false;
        set.kind = type == 7 ? Kind::kSequence : Kind::kPicture;
        if (set.kind == Kind::kSequence) {
            const auto sps = formats::parse_h264_sps(nal);
            set.number = sps ? sps->id : kNoNumber;
        } else {
            set.number = leading_number(nal.subspan(1));
        }
    } else {
        const unsigned type = formats::hevc_nal_type(nal);
        if (type < 32 || type > 34) return false;
        set.kind = static_cast<Kind>(type - 32);
        if (set.kind == Kind::kVideo) {
            set.number = std::to_integer<unsigned>(nal[2]) >> 4;
        } else if (set.kind == Kind::kSequence) {
            const auto sps = formats::parse_hevc_sps(nal);
            set.number = sps ? sps->id : kNoNumber;
        } else {
            set.number = leading_number(nal.subspan(2));
        }
    }
    set.nal.assign(nal.begin(), nal.end());
    return true;
}

template <class Nals>
std::vector<ParameterSets::Set> ParameterSets::sets_of(Nals nals) const {
    std::vector<Set> found;
    Bytes nal;
    Set set;
    while (found.size() < kMaxSets && nals.next(nal)) {
        if (read(nal, set)) found.push_back(std::move(set));
    }
    return found;
}

std::vector<ParameterSets::Set> ParameterSets::sets_of(Bytes unit, unsigned length_size) const {
    if (length_size == 0) return sets_of(formats::AnnexBNals(unit));
    return sets_of(formats::LengthPrefixedNals(unit, length_size));
}

bool ParameterSets::in_force(const Set& set) const {
    return std::any_of(sets_.begin(), sets_.end(), [&](const Set& known) {
        return known.kind == set.kind && known.nal == set.nal;
    });
}

void ParameterSets::assign(NalCodec codec, std::span<const std::vector<std::byte>> nals) {
    codec_ = codec;
    sets_.clear();
    Set set;
    for (const auto& nal : nals) {
        if (read(nal, set)) sets_.push_back(std::move(set));
    }
}

std::vector<std::byte> ParameterSets::look(Bytes unit, unsigned length_size) const {
    return joined(sets_of(unit, length_size));
}

bool ParameterSets::gather(Bytes unit, unsigned length_size) {
    std::vector<Set> found = sets_of(unit, length_size);
    if (std::all_of(found.begin(), found.end(), [&](const Set& set) { return in_force(set); }))
        return false;
    const auto of_number = [](const std::vector<Set>& sets, const Set& like) {
        return std::any_of(sets.begin(), sets.end(), [&](const Set& set) {
            return set.kind == like.kind && set.number == like.number;
        });
    };
    const bool another = std::any_of(found.begin(),
                                     found.end(),
                                     [](const Set& set) { return set.kind == Kind::kSequence; }) &&
                         std::none_of(found.begin(), found.end(), [&](const Set& set) {
                             return set.kind == Kind::kSequence && of_number(sets_, set);
                         });
    // Of two with one number in this unit the last counts.
    std::vector<Set> now;
    for (auto set = found.rbegin(); set != found.rend(); ++set) {
        if (!of_number(now, *set)) now.push_back(std::move(*set));
    }
    std::reverse(now.begin(), now.end());
    for (Set& set : sets_) {
        if (!another && now.size() < kMaxSets && !of_number(now, set))
            now.push_back(std::move(set));
    }
    std::stable_sort(
        now.begin(), now.end(), [](const Set& a, const Set& b) { return a.kind < b.kind; });
    sets_ = std::move(now);
    return true;
}

bool ParameterSets::complete() const {
    const auto has = [&](Kind kind) {
        return std::any_of(
            sets_.begin(), sets_.end(), [kind](const Set& set) { return set.kind == kind; });
    };
    return has(Kind::kSequence) && has(Kind::kPicture);
}

std::vector<std::byte> ParameterSets::joined(const std::vector<Set>& sets) {
    std::vector<std::byte> out;
    for (const Set& set : sets) {
        for (const unsigned byte : {0U, 0U, 0U, 1U}) out.push_back(std::byte(byte));
        out.insert(out.end(), set.nal.begin(), set.nal.end());
    }
    return out;
}

}  // namespace sg::ingest
