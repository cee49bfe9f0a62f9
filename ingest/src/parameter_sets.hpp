#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <formats/nal.hpp>

namespace sg::ingest {

/// The parameter sets of an H.264 or HEVC stream that are in force: those that it was described
/// with, and what its key frames bring instead of them (ITU-T H.264 and H.265 section 7.4.1.2.1: a
/// set replaces the one with its number). Takes hostile bytes.
class ParameterSets {
  public:
    /// Begins with those of a configuration, NAL units without start codes.
    void assign(formats::NalCodec codec, std::span<const std::vector<std::byte>> nals);

    /// Takes those of an access unit; `length_size` 0 means Annex B. True when there was one that
    /// was not in force already. A sequence parameter set with a number that has not been seen is
    /// of another stream: all others go.
    bool gather(std::span<const std::byte> unit, unsigned length_size);

    /// Those of an access unit, as of annex_b(); nothing is taken.
    [[nodiscard]] std::vector<std::byte> look(std::span<const std::byte> unit,
                                              unsigned length_size) const;

    /// There is a sequence and a picture parameter set.
    [[nodiscard]] bool complete() const;
    /// All of them, the newest of each kind first, as a decoder's extradata.
    [[nodiscard]] std::vector<std::byte> annex_b() const { return joined(sets_); }

  private:
    enum class Kind { kVideo, kSequence, kPicture };
    struct Set {
        Kind kind = Kind::kVideo;
        unsigned number = 0;
        std::vector<std::byte> nal;
    };

    [[nodiscard]] bool read(std::span<const std::byte> nal, Set& set) const;
    template <class Nals>
    [[nodiscard]] std::vector<Set> sets_of(Nals nals) const;
    [[nodiscard]] std::vector<Set> sets_of(std::span<const std::byte> unit,
                                           unsigned length_size) const;
    [[nodiscard]] bool in_force(const Set& set) const;
    [[nodiscard]] static std::vector<std::byte> joined(const std::vector<Set>& sets);

    formats::NalCodec codec_ = formats::NalCodec::kH264;
    std::vector<Set> sets_;
};

}  // namespace sg::ingest
