#include <bit>

#include <formats/amf0.hpp>
#include <formats/byte_writer.hpp>

namespace sg::formats {
namespace {

constexpr std::size_t kShortText = 0xffff;

void write_name(std::string_view name, ByteWriter& out) {
    name = name.substr(0, kShortText);
    out.u16(static_cast<std::uint32_t>(name.size()));
    out.text(name);
}

void write(const Amf0Value& value, ByteWriter& out) {
    if (const double* number = value.number()) {
        out.u8(0x00);
        out.u64(std::bit_cast<std::uint64_t>(*number));
    } else if (const bool* boolean = value.boolean()) {
        out.u8(0x01);
        out.u8(*boolean ? 1 : 0);
    } else if (const std::string* text = value.text()) {
        if (text->size() <= kShortText) {
            out.u8(0x02);
            out.u16(static_cast<std::uint32_t>(text->size()));
        } else {
            out.u8(0x0c);
            out.u32(static_cast<std::uint32_t>(text->size()));
        }
        out.text(*text);
    } else if (const Amf0Value::Object* object = value.object()) {
        out.u8(object->ecma_array ? 0x08 : 0x03);
        if (object->ecma_array) out.u32(static_cast<std::uint32_t>(object->properties.size()));
        for (const auto& [name, property] : object->properties) {
            write_name(name, out);
            write(property, out);
        }
        out.u24(0x000009);
    } else if (const Amf0Value::Array* array = value.array()) {
        out.u8(0x0a);
        out.u32(static_cast<std::uint32_t>(array->size()));
        for (const Amf0Value& item : *array) write(item, out);
    } else if (const Amf0Value::Date* date = value.date()) {
        out.u8(0x0b);
        out.u64(std::bit_cast<std::uint64_t>(date->milliseconds));
        out.u16(0);
    } else {
        out.u8(value.is_null() ? 0x05 : 0x06);
    }
}

}  // namespace

void write_amf0(const Amf0Value& value, std::vector<std::byte>& out) {
    ByteWriter writer(out);
    write(value, writer);
}

}  // namespace sg::formats
