#include <formats/bmff_reader.hpp>
#include <formats/byte_reader.hpp>

namespace sg::formats {

bool Boxes::next(Box& box) {
    const std::span<const std::byte> rest = bytes_.subspan(at_);
    if (rest.empty()) return false;
    ByteReader reader(rest);
    std::uint64_t size = reader.u32();
    const FourCc type = reader.u32();
    if (size == 1) {
        size = reader.u64();
    } else if (size == 0) {
        size = rest.size();
    }
    if (!reader.ok() || size < reader.position() || size > rest.size()) {
        // QuickTime ends lists with 32 zero bits, which is not damage.
        damaged_ = !(rest.size() < 8 && type == 0 && rest[0] == std::byte{0});
        at_ = bytes_.size();
        return false;
    }
    box.type = type;
    box.offset = at_;
    box.whole = rest.first(size);
    box.payload = box.whole.subspan(reader.position());
    at_ += box.whole.size();
    return true;
}

std::optional<Box> find_box(std::span<const std::byte> bytes, FourCc type) {
    Boxes boxes(bytes);
    Box box;
    while (boxes.next(box)) {
        if (box.type == type) return box;
    }
    return std::nullopt;
}

}  // namespace sg::formats
