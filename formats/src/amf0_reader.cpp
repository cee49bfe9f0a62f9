#include <bit>

#include <fmt/format.h>

#include <formats/amf0.hpp>
#include <formats/byte_reader.hpp>

namespace sg::formats {
namespace {

/// AMF0 section 2.1.
enum Marker : std::uint8_t {
    kNumber = 0x00,
    kBoolean = 0x01,
    kString = 0x02,
    kObject = 0x03,
    kMovieClip = 0x04,
    kNull = 0x05,
    kUndefined = 0x06,
    kReference = 0x07,
    kEcmaArray = 0x08,
    kObjectEnd = 0x09,
    kStrictArray = 0x0a,
    kDate = 0x0b,
    kLongString = 0x0c,
    kUnsupported = 0x0d,
    kRecordSet = 0x0e,
    kXmlDocument = 0x0f,
    kTypedObject = 0x10,
    kAvmPlus = 0x11,
};

class Reader {
  public:
    Reader(std::span<const std::byte> bytes, const Amf0Limits& limits)
        : reader_(bytes), limits_(limits) {}

    [[nodiscard]] bool done() const { return reader_.left() == 0; }

    Result<Amf0Value> value(std::size_t depth) {
        if (depth > limits_.depth) {
            return Error{Errc::kLimit,
                         fmt::format("AMF0 values nest deeper than {} levels", limits_.depth)};
        }
        if (++count_ > limits_.values) {
            return Error{Errc::kLimit,
                         fmt::format("an AMF0 message has more than {} values", limits_.values)};
        }
        const std::uint8_t marker = reader_.u8();
        switch (marker) {
            case kNumber:
                return checked(Amf0Value(number()));
            case kBoolean:
                return checked(Amf0Value(reader_.u8() != 0));
            case kString:
                return checked(Amf0Value(text(reader_.u16())));
            case kLongString:
            case kXmlDocument:
                return checked(Amf0Value(text(reader_.u32())));
            case kNull:
                return checked(Amf0Value(Amf0Value::Null{}));
            case kUndefined:
            case kUnsupported:
                return checked(Amf0Value());
            case kDate: {
                const Amf0Value::Date date{number()};
                reader_.skip(2);  // time zone: reserved, zero
                return checked(Amf0Value(date));
            }
            case kTypedObject:
                reader_.skip(reader_.u16());
                return object(depth, false);
            case kObject:
                return object(depth, false);
            case kEcmaArray:
                reader_.skip(4);  // encoders write any count here
                return object(depth, true);
            case kStrictArray:
                return array(depth);
            case kAvmPlus:
                return amf3();
            default:
                return refused(marker);
        }
    }

  private:
    Result<Amf0Value> checked(Amf0Value value) {
        if (!reader_.ok()) return cut_short();
        return value;
    }
    static Error cut_short() {
        return Error{Errc::kBadData, "an AMF0 value ends before its last byte"};
    }
    Error refused(std::uint8_t marker) const {
        if (!reader_.ok()) return cut_short();
        const char* name = marker == kReference   ? "a reference"
                           : marker == kMovieClip ? "a movie clip"
                           : marker == kRecordSet ? "a record set"
                           : marker == kObjectEnd ? "an object end without an object"
                                                  : "an unknown value";
        return Error{Errc::kBadData, fmt::format("AMF0 has {} (marker {})", name, marker)};
    }

    double number() { return std::bit_cast<double>(reader_.u64()); }
    std::string text(std::size_t length) {
        const auto bytes = reader_.bytes(length);
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }

    Result<Amf0Value> object(std::size_t depth, bool ecma_array) {
        Amf0Value::Object object;
        object.ecma_array = ecma_array;
        while (true) {
            // Some encoders leave out the end of the last array of a message.
            if (ecma_array && reader_.ok() && done()) break;
            std::string name = text(reader_.u16());
            if (!reader_.ok()) return cut_short();
            if (name.empty() && !done() &&
                std::to_integer<std::uint8_t>(reader_.rest().front()) == kObjectEnd) {
                reader_.skip(1);
                break;
            }
            SG_TRY_ASSIGN(Amf0Value property, value(depth + 1));
            object.properties.emplace_back(std::move(name), std::move(property));
        }
        return Amf0Value(std::move(object));
    }

    Result<Amf0Value> array(std::size_t depth) {
        const std::uint32_t count = reader_.u32();
        if (!reader_.ok() || count > reader_.left()) return cut_short();
        Amf0Value::Array array;
        for (std::uint32_t i = 0; i < count; ++i) {
            SG_TRY_ASSIGN(Amf0Value item, value(depth + 1));
            array.push_back(std::move(item));
        }
        return Amf0Value(std::move(array));
    }

    /// AMF3 (January 2013) section 3.1: the simple values.
    Result<Amf0Value> amf3() {
        const std::uint8_t marker = reader_.u8();
        switch (marker) {
            case 0x00:
                return checked(Amf0Value());
            case 0x01:
                return checked(Amf0Value(Amf0Value::Null{}));
            case 0x02:
                return checked(Amf0Value(false));
            case 0x03:
                return checked(Amf0Value(true));
            case 0x04: {
                // 29 bits, two's complement.
                const std::uint32_t raw = u29() << 3;
                return checked(Amf0Value(static_cast<double>(static_cast<std::int32_t>(raw) / 8)));
            }
            case 0x05:
                return checked(Amf0Value(number()));
            case 0x06: {
                const std::uint32_t head = u29();
                if (head & 1) return checked(Amf0Value(text(head >> 1)));
                break;
            }
            default:
                break;
        }
        if (!reader_.ok()) return cut_short();
        return Error{Errc::kUnsupported,
                     fmt::format("an AMF3 value of type {} is not supported; set the encoder to "
                                 "AMF0 (object encoding 0)",
                                 marker)};
    }
    /// AMF3 section 1.3.1: up to four bytes, the fourth with all its eight bits.
    std::uint32_t u29() {
        std::uint32_t value = 0;
        for (int i = 0; i < 3; ++i) {
            const std::uint32_t byte = reader_.u8();
            value = value << 7 | (byte & 0x7f);
            if (!(byte & 0x80)) return value;
        }
        return value << 8 | reader_.u8();
    }

    ByteReader reader_;
    const Amf0Limits& limits_;
    std::size_t count_ = 0;
};

}  // namespace

bool Amf0Value::Object::operator==(const Object& other) const {
    return ecma_array == other.ecma_array && properties == other.properties;
}

const Amf0Value* Amf0Value::find(std::string_view name) const {
    const Object* fields = object();
    if (!fields) return nullptr;
    for (const Property& property : fields->properties) {
        if (property.first == name) return &property.second;
    }
    return nullptr;
}

Result<std::vector<Amf0Value>> read_amf0(std::span<const std::byte> bytes,
                                         const Amf0Limits& limits) {
    Reader reader(bytes, limits);
    std::vector<Amf0Value> values;
    while (!reader.done()) {
        SG_TRY_ASSIGN(Amf0Value value, reader.value(0));
        values.push_back(std::move(value));
    }
    return values;
}

}  // namespace sg::formats
