/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The object that clang made of owner.bpf.c, as it is, for libbpf to load. */
	.section .rodata
	.balign 16
	.globl tollgate_owner_object
	.globl tollgate_owner_object_end
tollgate_owner_object:
	.incbin TOLLGATE_OWNER_OBJECT
tollgate_owner_object_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
