#include <cstring>

#include <formats/byte_writer.hpp>
#include <formats/nal.hpp>

namespace sg::formats {

namespace {

constexpr unsigned kH264Idr = 5;
constexpr unsigned kH264Sei = 6;
constexpr unsigned kSeiRecoveryPoint = 6;
constexpr unsigned kHevcFirstIrap = 16;
constexpr unsigned kHevcBlaNLp = 18;
constexpr unsigned kHevcIdrWRadl = 19;
constexpr unsigned kHevcIdrNLp = 20;
constexpr unsigned kHevcCra = 21;

RandomAccess nal_random_access(NalCodec codec, std::span<const std::byte> nal) {
    return codec == NalCodec::kH264 ? h264_random_access(nal) : hevc_random_access(nal);
}

bool is_slice(NalCodec codec, std::span<const std::byte> nal) {
    if (codec == NalCodec::kHevc) return hevc_nal_type(nal) < 32;
    const unsigned type = h264_nal_type(nal);
    return type >= 1 && type <= kH264Idr;
}

template <class Nals>
RandomAccess first_slice_access(NalCodec codec, Nals nals) {
    std::span<const std::byte> nal;
    bool recovery = false;
    while (nals.next(nal)) {
        const RandomAccess access = nal_random_access(codec, nal);
        if (is_slice(codec, nal)) {
            return access == RandomAccess::kNone && recovery ? RandomAccess::kOpen : access;
        }
        if (access == RandomAccess::kOpen) recovery = true;
    }
    return RandomAccess::kNone;
}

}  // namespace

AnnexBNals::AnnexBNals(std::span<const std::byte> bytes) : bytes_(bytes), at_(bytes.size()) {
    const std::size_t first = find_start(0);
    if (first < bytes_.size()) at_ = first + 3;
}

/// Position of the next 00 00 01, or the size.
std::size_t AnnexBNals::find_start(std::size_t from) const {
    // The byte 01 is rare in coded data, so memchr skips most of it.
    std::size_t at = from + 2;
    while (at < bytes_.size()) {
        const void* hit = std::memchr(bytes_.data() + at, 1, bytes_.size() - at);
        if (hit == nullptr) break;
        at = static_cast<std::size_t>(static_cast<const std::byte*>(hit) - bytes_.data());
        if (bytes_[at - 1] == std::byte{0} && bytes_[at - 2] == std::byte{0}) return at - 2;
        ++at;
    }
    return bytes_.size();
}

bool AnnexBNals::next(std::span<const std::byte>& nal) {
    while (at_ < bytes_.size()) {
        const std::size_t start = at_;
        const std::size_t code = find_start(start);
        std::size_t end = code;
        at_ = code < bytes_.size() ? code + 3 : bytes_.size();
        while (end > start && bytes_[end - 1] == std::byte{0}) --end;
        if (end == start) continue;
        nal = bytes_.subspan(start, end - start);
        return true;
    }
    return false;
}

bool LengthPrefixedNals::next(std::span<const std::byte>& nal) {
    while (at_ < bytes_.size()) {
        if (bytes_.size() - at_ < length_size_) {
            damaged_ = true;
            return false;
        }
        std::size_t length = 0;
        for (unsigned i = 0; i < length_size_; ++i) {
            length = length << 8 | std::to_integer<std::size_t>(bytes_[at_ + i]);
        }
        at_ += length_size_;
        if (length > bytes_.size() - at_) {
            damaged_ = true;
            return false;
        }
        nal = bytes_.subspan(at_, length);
        at_ += length;
        if (length > 0) return true;
    }
    return false;
}

std::vector<std::byte> unescape_nal(std::span<const std::byte> nal) {
    std::vector<std::byte> out;
    out.reserve(nal.size());
    unsigned zeros = 0;
    for (const std::byte byte : nal) {
        if (zeros >= 2 && byte == std::byte{3}) {
            zeros = 0;
            continue;
        }
        zeros = byte == std::byte{0} ? zeros + 1 : 0;
        out.push_back(byte);
    }
    return out;
}

bool append_length_prefixed(std::span<const std::byte> nal, std::vector<std::byte>& out) {
    if (nal.size() > 0xFFFFFFFFU) return false;
    ByteWriter writer(out);
    writer.u32(static_cast<std::uint32_t>(nal.size()));
    writer.bytes(nal);
    return true;
}

bool starts_with_start_code(std::span<const std::byte> bytes) {
    const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
    if (bytes.size() < 4 || at(0) != 0 || at(1) != 0) return false;
    return at(2) == 1 || (at(2) == 0 && at(3) == 1);
}

RandomAccess h264_random_access(std::span<const std::byte> nal) {
    const unsigned type = h264_nal_type(nal);
    if (type == kH264Idr) return RandomAccess::kClosed;
    // The recovery point is by rule of every encoder that we know the first or only message of its
    // SEI.
    if (type == kH264Sei && nal.size() > 1 &&
        std::to_integer<unsigned>(nal[1]) == kSeiRecoveryPoint) {
        return RandomAccess::kOpen;
    }
    return RandomAccess::kNone;
}

RandomAccess hevc_random_access(std::span<const std::byte> nal) {
    const unsigned type = hevc_nal_type(nal);
    if (type == kHevcIdrWRadl || type == kHevcIdrNLp || type == kHevcBlaNLp) {
        return RandomAccess::kClosed;
    }
    return type >= kHevcFirstIrap && type <= kHevcCra ? RandomAccess::kOpen : RandomAccess::kNone;
}

RandomAccess access_unit_random_access(NalCodec codec,
                                       std::span<const std::byte> unit,
                                       unsigned length_size) {
    if (length_size == 0) return first_slice_access(codec, AnnexBNals(unit));
    return first_slice_access(codec, LengthPrefixedNals(unit, length_size));
}

}  // namespace sg::formats
