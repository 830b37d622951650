// SPDX-License-Identifier: Apache-2.0
// Where a file of torch.save has its object and its storages, in both of its forms.
//
//   legacy   pickles of a magic number, the protocol, facts on the machine, the object and the
//            names of its storages, then the storages: their count of elements and their bytes
//   ZIP      <any>/data.pkl, the object, and a member <any>/data/<name> for each storage
#pragma once

#include <retinue/detail/file.hpp>         // byte_view, in_quotes
#include <retinue/weights/pickle.hpp>      // the object
#include <retinue/weights/state_dict.hpp>  // dtype
#include <retinue/weights/zip.hpp>         // the second form

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace retinue::detail {

/// Elements of a storage, and their bytes once these were found in the file.
struct pytorch_storage {
  dtype type = dtype::f32;
  std::int64_t count = 0;
  std::optional<byte_view> bytes;
};

class pytorch_file {
 public:
  using value = pickle::value;
  using kind = pickle::kind;

  /// `bytes` must outlive this. Errors begin with `source`.
  pytorch_file(std::string source, byte_view bytes) : source_(std::move(source)), bytes_(bytes)
  {
    if (characters(bytes_).starts_with("PK\3\4"))
      read_zip();
    else
      read_legacy();
  }

  [[nodiscard]] const pickle::document& object() const { return object_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const
  {
    fail(source_, ": ", parts...);
  }

  [[nodiscard]] const value& item(const value& of, std::size_t at) const
  {
    if (at >= of.items.size()) refuse(pickle::name_of(of.what), " lacks its item ", at);
    return object_[of.items[at]];
  }

  /// The item of a tuple or call, which must be of that kind.
  [[nodiscard]] const value& part(const value& of, std::size_t at, kind what) const
  {
    const value& found = item(of, at);
    if (found.what != what)
      refuse("item ", at, " of ", pickle::name_of(of.what), " is ", pickle::name_of(found.what),
             ", not ", pickle::name_of(what));
    return found;
  }

  /// The elements that a tensor's offset counts from: those of a storage, or of a part of one.
  [[nodiscard]] pytorch_storage elements(const value& persistent) const
  {
    const value& id = part(persistent, 0, kind::tuple);
    const auto key = part(id, 2, kind::text).text;
    pytorch_storage found = storages_.find(key)->second;  // declare_storages() has seen them all
    if (!found.bytes) refuse("the storage ", in_quotes(key), " is missing");
    if (id.items.size() == 6 && item(id, 5).what != kind::none) {
      const value& within = part(id, 5, kind::tuple);
      const auto begin = part(within, 1, kind::integer).number,
                 count = part(within, 2, kind::integer).number;
      if (begin < 0 || count < 0 || begin > found.count || count > found.count - begin)
        refuse("a part of the storage ", in_quotes(key), " lies outside of it");
      const std::size_t size = size_of(found.type);
      found.bytes = found.bytes->subspan(static_cast<std::size_t>(begin) * size,
                                         static_cast<std::size_t>(count) * size);
      found.count = count;
    }
    return found;
  }

 private:
  /// The first ten are the storages, in the order of dtype. None of them is ever called.
  static constexpr std::array<pickle::admitted_global, 36> admitted{
      {{"torch", "BoolStorage"},
       {"torch", "ByteStorage"},
       {"torch", "CharStorage"},
       {"torch", "ShortStorage"},
       {"torch", "IntStorage"},
       {"torch", "LongStorage"},
       {"torch", "HalfStorage"},
       {"torch", "BFloat16Storage"},
       {"torch", "FloatStorage"},
       {"torch", "DoubleStorage"},
       {"torch._utils", "_rebuild_tensor"},
       {"torch._utils", "_rebuild_tensor_v2"},
       {"torch._utils", "_rebuild_parameter"},
       {"collections", "OrderedDict"},
       {"torch", "Size"},
       {"torch", "device"},
       {"torch", "bool"},
       {"torch", "uint8"},
       {"torch", "int8"},
       {"torch", "int16"},
       {"torch", "int32"},
       {"torch", "int64"},
       {"torch", "float16"},
       {"torch", "bfloat16"},
       {"torch", "float32"},
       {"torch", "float64"},
       {"_codecs", "encode"},
       {"builtins", "bytes"},
       {"builtins", "bytearray"},
       {"builtins", "complex"},
       {"builtins", "set"},
       {"builtins", "frozenset"},
       {"__builtin__", "bytearray"},
       {"__builtin__", "complex"},
       {"__builtin__", "set"},
       {"__builtin__", "frozenset"}}};

  [[nodiscard]] pickle::document load(byte_view from, std::size_t at) const
  {
    return pickle::reader(source_, from, admitted).load(at);
  }

  void read_legacy()
  {
    const auto magic = load(bytes_, 0);
    const value& number = magic[magic.root];
    if (number.what != kind::large || (number.text != "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19" &&
                                       number.text != "119547037146038801333356"))
      refuse("a Python pickle, but not one that torch.save wrote");
    const auto protocol = load(bytes_, magic.end);
    if (protocol[protocol.root].what != kind::integer || protocol[protocol.root].number != 1001)
      refuse("saved with a protocol of torch.save other than 1001, the only one known");
    const auto machine = load(bytes_, protocol.end);
    const value* little = machine.find(machine[machine.root], "little_endian");
    if (!little || little->what != kind::boolean || !little->number)
      refuse("saved on a machine that was not little endian");
    object_ = load(bytes_, machine.end);
    declare_storages();

    const auto keys = load(bytes_, object_.end);
    const value& list = keys[keys.root];
    if (list.what != kind::list) refuse("the list of its storages is missing");
    std::size_t at = keys.end;
    for (const auto item : list.items) {
      const auto found = storages_.find(keys[item].text);
      if (keys[item].what != kind::text || found == storages_.end() || found->second.bytes)
        refuse("lists the storage ", in_quotes(keys[item].text), ", which is none or listed twice");
      if (bytes_.size() - at < 8) refuse("cut short before the storage ", in_quotes(found->first));
      const auto count = little_endian<std::int64_t>(bytes_, at);
      at += 8;
      give(found->first, found->second, count, bytes_.subspan(at));
      at += found->second.bytes->size();
    }
  }

  void read_zip()
  {
    const zip_archive archive(source_, bytes_);
    constexpr std::string_view object = "/data.pkl";
    std::string folder;
    for (const auto& [name, member] : archive.all())
      if (name.ends_with(object) && name.find('/') == name.size() - object.size()) {
        if (!folder.empty())
          refuse("an archive with two objects, ", in_quotes(name), " the second");
        folder = name.substr(0, name.size() - object.size() + 1);
      }
    if (folder.empty())
      refuse("a ZIP archive, but not one that torch.save wrote: no data.pkl in it");
    if (archive.all().contains(folder + "constants.pkl"))
      refuse("a TorchScript program, not plain weights; save its state_dict() instead");
    if (archive.all().contains(folder + "byteorder") &&
        characters(archive[folder + "byteorder"]) != "little")
      refuse("saved on a machine that was not little endian");
    object_ = load(archive[folder + "data.pkl"], 0);
    declare_storages();
    for (auto& [key, declared] : storages_) {
      const auto bytes = archive[folder + "data/" + std::string(key)];
      give(key, declared, static_cast<std::int64_t>(bytes.size() / size_of(declared.type)), bytes);
    }
  }

  /// Checks a storage's place in the file against what its tensors say of it.
  void give(std::string_view key, pytorch_storage& declared, std::int64_t count,
            byte_view from) const
  {
    const std::size_t size = size_of(declared.type);
    if (count != declared.count)
      refuse("the storage ", in_quotes(key), " has ", count, " elements, but its tensors say ",
             declared.count);
    if (static_cast<std::uint64_t>(count) > from.size() / size)
      refuse("the storage ", in_quotes(key), " of ", count, " elements (", name_of(declared.type),
             ") reaches past the end; the file is damaged or cut short");
    declared.bytes = from.first(static_cast<std::size_t>(count) * size);
  }

  /// Every storage that the pickle names, even those that only an optimizer uses.
  void declare_storages()
  {
    for (const value& v : object_.values) {
      if (v.what != kind::persistent) continue;
      const value& id = part(v, 0, kind::tuple);
      if (id.items.size() < 5 || id.items.size() > 6 || part(id, 0, kind::text).text != "storage")
        refuse("it stores something outside of its pickle that is not a storage");
      const value& type = part(id, 1, kind::global);
      if (type.number > static_cast<std::int64_t>(dtype::f64))
        refuse("a storage of ", in_quotes(type.text), ", which is no type of storage");
      const pytorch_storage said{
          static_cast<dtype>(type.number), part(id, 4, kind::integer).number, {}};
      const auto key = part(id, 2, kind::text).text;
      constexpr std::size_t longest = 128;  // PyTorch writes numbers; each is compared with others
      if (key.size() > longest)
        refuse("a storage is named by ", key.size(), " bytes, expected at most ", longest);
      if (said.count < 0) refuse("the storage ", in_quotes(key), " has ", said.count, " elements");
      const auto& known = storages_.try_emplace(key, said).first->second;
      if (known.type != said.type || known.count != said.count)
        refuse("the storage ", in_quotes(key), " is said to be of ", known.count, " ",
               name_of(known.type), " and of ", said.count, " ", name_of(said.type));
    }
  }

  std::string source_;
  byte_view bytes_;
  pickle::document object_;
  std::map<std::string_view, pytorch_storage, std::less<>> storages_;
};

}  // namespace retinue::detail
