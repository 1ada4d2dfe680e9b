package untrusted

import "encoding/binary"

// What protobuf takes in memory, in bytes: a field, and one more of a repeated
// field, which may be an empty struct of a pod or a container.
const (
	fieldSize    = 128
	repeatedSize = 1200
	// deepestMessage is how deep messages are looked into.
	deepestMessage = 12
)

// NeededOfProtobuf estimates how much memory a message needs when it is decoded,
// in bytes: two bytes may become the struct of a pod. It stops at more than most.
func NeededOfProtobuf(message []byte, most int64) int64 {
	needed := 2 * int64(len(message))
	look(message, deepestMessage, most, &needed)
	return needed
}

// look adds what the fields of data need, as far as it may be a message.
func look(data []byte, depth int, most int64, needed *int64) {
	before := uint64(0)
	for len(data) > 0 && *needed <= most {
		tag, n := binary.Uvarint(data)
		if n <= 0 || tag>>3 == 0 {
			return
		}
		data = data[n:]
		switch tag & 7 {
		case 0:
			if _, n = binary.Uvarint(data); n <= 0 {
				return
			}
		case 1:
			n = 8
		case 2:
			size, prefix := binary.Uvarint(data)
			if prefix <= 0 || size > uint64(len(data)-prefix) {
				return
			}
			n = prefix + int(size)
			*needed += fieldSize
			if tag == before {
				*needed += repeatedSize
			}
			if depth > 0 && size > 1 {
				look(data[prefix:n], depth-1, most, needed)
			}
		case 5:
			n = 4
		default:
			return
		}
		if n > len(data) {
			return
		}
		data, before = data[n:], tag
	}
}
